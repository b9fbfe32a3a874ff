//! Statements and commands.

use std::rc::Rc;

use tree_sitter::Node;

use super::super::super::value::Value;
use super::super::tree::{Body, Command, Element, Expression, Kind, Name, Stage, Statement};
use super::{Beyond, Source, children, named};

impl Source<'_> {
    /// Of `program` or `script_block`.
    pub(super) fn body(&self, node: Node<'_>) -> Result<Body, Beyond> {
        let mut body = Body { parameters: Vec::new(), statements: Vec::new() };
        for child in children(node) {
            match child.kind() {
                "param_block" => body.parameters = self.parameters(child)?,
                "statement_list" => body.statements = self.list(child)?,
                "script_block_body" => {
                    for list in named(child) {
                        if list.kind() != "statement_list" {
                            return Err(self.not_understood(list));
                        }
                        body.statements = self.list(list)?;
                    }
                }
                _ => return Err(self.not_understood(child)),
            }
        }
        Ok(body)
    }

    /// Of `param_block` or `function_parameter_declaration`: plain variables only.
    fn parameters(&self, node: Node<'_>) -> Result<Vec<Name>, Beyond> {
        let mut parameters = Vec::new();
        for list in named(node) {
            if list.kind() != "parameter_list" {
                return Err(self.not_understood(list));
            }
            for parameter in named(list) {
                let [variable] = named(parameter)[..] else {
                    return Err(self.not_understood(parameter));
                };
                if variable.kind() != "variable" {
                    return Err(self.not_understood(parameter));
                }
                parameters.push(self.variable_name(variable)?);
            }
        }
        Ok(parameters)
    }

    fn list(&self, node: Node<'_>) -> Result<Vec<Statement>, Beyond> {
        let mut statements = Vec::new();
        for child in named(node) {
            if child.kind() != "empty_statement" {
                statements.push(self.statement(child)?);
            }
        }
        Ok(statements)
    }

    /// Of a node that has braces or brackets around a `statement_list`, or around nothing.
    pub(super) fn within(&self, node: Node<'_>) -> Result<Vec<Statement>, Beyond> {
        match named(node)[..] {
            [] => Ok(Vec::new()),
            [list] if list.kind() == "statement_list" => self.list(list),
            _ => Err(self.not_understood(node)),
        }
    }

    pub(super) fn statement(&self, node: Node<'_>) -> Result<Statement, Beyond> {
        let kind = match node.kind() {
            "pipeline" => self.pipeline(node)?,
            "if_statement" => self.if_statement(node)?,
            "foreach_statement" => self.foreach_statement(node)?,
            "for_statement" => self.for_statement(node)?,
            "while_statement" => self.while_statement(node)?,
            "try_statement" => self.try_statement(node)?,
            "flow_control_statement" => self.flow_control(node)?,
            "function_statement" => self.function(node)?,
            _ => return Err(self.not_understood(node)),
        };
        Ok(Statement { line: Self::line(node), kind })
    }

    fn boxed(&self, node: Node<'_>) -> Result<Box<Statement>, Beyond> {
        self.statement(node).map(Box::new)
    }

    fn pipeline(&self, node: Node<'_>) -> Result<Kind, Beyond> {
        let [inner] = children(node)[..] else {
            return Err(self.not_understood(node));
        };
        match inner.kind() {
            "assignment_expression" => self.assignment(inner),
            "pipeline_chain" => {
                let mut stages = Vec::new();
                for child in children(inner) {
                    match child.kind() {
                        "|" => {}
                        "command" => stages.push(Stage::Command(self.command(child)?)),
                        _ if stages.is_empty() => stages.push(Stage::Expression(self.expression(child)?)),
                        _ => return Err(self.not_understood(child)),
                    }
                }
                Ok(Kind::Pipeline(stages))
            }
            _ => Err(self.not_understood(inner)),
        }
    }

    fn assignment(&self, node: Node<'_>) -> Result<Kind, Beyond> {
        let [to, operator, value] = children(node)[..] else {
            return Err(self.not_understood(node));
        };
        let adds = match self.text(operator).trim() {
            "=" => false,
            "+=" => true,
            _ => return Err(self.not_understood(operator)),
        };
        let to = match children(to)[..] {
            [inner] => self.expression(inner)?,
            _ => return Err(self.not_understood(to)),
        };
        match to {
            Expression::Variable(_) | Expression::Member { .. } | Expression::Index { .. } => {}
            _ => return Err(self.not_understood(node)),
        }
        Ok(Kind::Assign { to, adds, value: self.boxed(value)? })
    }

    fn if_statement(&self, node: Node<'_>) -> Result<Kind, Beyond> {
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        let branch = |node| match named(node)[..] {
            [condition, block, ..] => Ok((self.statement(condition)?, self.within(block)?)),
            _ => Err(self.not_understood(node)),
        };
        branches.push(branch(node)?);
        for part in named(node).into_iter().skip(2) {
            match part.kind() {
                "elseif_clauses" => {
                    for clause in named(part) {
                        branches.push(branch(clause)?);
                    }
                }
                "else_clause" => {
                    if let [block] = named(part)[..] {
                        otherwise = self.within(block)?;
                    }
                }
                _ => return Err(self.not_understood(part)),
            }
        }
        Ok(Kind::If { branches, otherwise })
    }

    fn foreach_statement(&self, node: Node<'_>) -> Result<Kind, Beyond> {
        let [variable, over, block] = named(node)[..] else {
            return Err(self.not_understood(node));
        };
        Ok(Kind::Foreach {
            variable: self.variable_name(variable)?,
            over: self.boxed(over)?,
            body: self.within(block)?,
        })
    }

    fn for_statement(&self, node: Node<'_>) -> Result<Kind, Beyond> {
        let part = |name: &str| match node.child_by_field_name(name) {
            None => Ok(None),
            Some(part) => match named(part)[..] {
                [inner] => self.boxed(inner).map(Some),
                _ => Err(self.not_understood(part)),
            },
        };
        let block = named(node).into_iter().find(|child| child.kind() == "statement_block");
        let body = block.map(|block| self.within(block)).transpose()?.unwrap_or_default();
        Ok(Kind::For {
            first: part("for_initializer")?,
            condition: part("for_condition")?,
            next: part("for_iterator")?,
            body,
        })
    }

    fn while_statement(&self, node: Node<'_>) -> Result<Kind, Beyond> {
        let [condition, block] = named(node)[..] else {
            return Err(self.not_understood(node));
        };
        let [inner] = named(condition)[..] else {
            return Err(self.not_understood(condition));
        };
        Ok(Kind::While { condition: self.boxed(inner)?, body: self.within(block)? })
    }

    fn try_statement(&self, node: Node<'_>) -> Result<Kind, Beyond> {
        let (mut body, mut catch, mut finally) = (Vec::new(), None, Vec::new());
        for part in named(node) {
            match part.kind() {
                "statement_block" => body = self.within(part)?,
                "catch_clauses" => {
                    // One that catches everything: we have no types of exceptions.
                    let [clause] = named(part)[..] else {
                        return Err(self.not_understood(part));
                    };
                    let [block] = named(clause)[..] else {
                        return Err(self.not_understood(clause));
                    };
                    catch = Some(self.within(block)?);
                }
                "finally_clause" => {
                    if let [block] = named(part)[..] {
                        finally = self.within(block)?;
                    }
                }
                _ => return Err(self.not_understood(part)),
            }
        }
        Ok(Kind::Try { body, catch, finally })
    }

    fn flow_control(&self, node: Node<'_>) -> Result<Kind, Beyond> {
        let value = match named(node)[..] {
            [] => None,
            [inner] => Some(self.boxed(inner)?),
            _ => return Err(self.not_understood(node)),
        };
        let word = children(node).first().map(|word| self.text(*word).trim().to_lowercase());
        match (word.as_deref(), value) {
            (Some("throw"), value) => Ok(Kind::Throw(value)),
            (Some("return"), value) => Ok(Kind::Return(value)),
            (Some("exit"), value) => Ok(Kind::Exit(value)),
            (Some("break"), None) => Ok(Kind::Break),
            (Some("continue"), None) => Ok(Kind::Continue),
            _ => Err(self.not_understood(node)),
        }
    }

    fn function(&self, node: Node<'_>) -> Result<Kind, Beyond> {
        let (mut name, mut parameters) = (None, None);
        let mut body = Body { parameters: Vec::new(), statements: Vec::new() };
        for part in named(node) {
            match part.kind() {
                "function_name" => name = Some(Name::from(self.text(part).to_lowercase())),
                "function_parameter_declaration" => parameters = Some(self.parameters(part)?),
                "script_block" => body = self.body(part)?,
                _ => return Err(self.not_understood(part)),
            }
        }
        if let Some(parameters) = parameters {
            body.parameters = parameters;
        }
        let name = name.ok_or_else(|| self.not_understood(node))?;
        Ok(Kind::Function(name, Rc::new(body)))
    }

    fn command(&self, node: Node<'_>) -> Result<Command, Beyond> {
        let mut name = None;
        let mut elements = Vec::new();
        for part in children(node) {
            match part.kind() {
                "command_invokation_operator" if self.text(part).trim() == "&" => {}
                "command_name" => name = Some(Expression::Literal(Value::text(self.text(part)))),
                "command_name_expr" => name = Some(self.command_name(part)?),
                "command_elements" => elements = self.elements(part)?,
                _ => return Err(self.not_understood(part)),
            }
        }
        let name = name.ok_or_else(|| self.not_understood(node))?;
        Ok(Command { name, elements })
    }

    fn command_name(&self, node: Node<'_>) -> Result<Expression, Beyond> {
        match children(node)[..] {
            [inner] if inner.kind() == "path_command_name" => match children(inner)[..] {
                [variable] if variable.kind() == "variable" => self.expression(variable),
                _ => Err(self.not_understood(inner)),
            },
            [inner] => self.expression(inner),
            _ => Err(self.not_understood(node)),
        }
    }

    fn elements(&self, node: Node<'_>) -> Result<Vec<Element>, Beyond> {
        let mut elements: Vec<Element> = Vec::new();
        // Bare words with commas between them are not one node.
        let (mut after_comma, mut after_colon) = (false, false);
        for part in children(node) {
            let value = match part.kind() {
                "command_argument_sep" => {
                    after_colon |= self.text(part).trim() == ":";
                    continue;
                }
                "," => {
                    after_comma = true;
                    continue;
                }
                "command_parameter" => {
                    let name = self.text(part).trim_start_matches('-').to_owned();
                    elements.push(Element::Parameter(name, None));
                    continue;
                }
                "generic_token" => {
                    let text = self.text(part);
                    let is_last_open = text.ends_with(',') && text.len() > 1;
                    let value = self.bare(part, text)?;
                    after_comma |= text.starts_with(',');
                    put(&mut elements, value, after_comma, after_colon);
                    (after_comma, after_colon) = (is_last_open, false);
                    continue;
                }
                _ if self.text(part).starts_with('@') && is_variable(part) => {
                    let name = self.text(part).trim_start_matches('@').to_lowercase();
                    elements.push(Element::Splat(Name::from(name)));
                    continue;
                }
                _ => self.expression(part)?,
            };
            put(&mut elements, value, after_comma, after_colon);
            (after_comma, after_colon) = (false, false);
        }
        Ok(elements)
    }

    /// A bare word, or several with commas between.
    fn bare(&self, node: Node<'_>, text: &str) -> Result<Expression, Beyond> {
        if text.contains(['>', '<', '`', '$', '"', '\'']) {
            return Err(self.not_understood(node));
        }
        let word = |word: &str| Expression::Literal(Value::text(word));
        let mut words = text.split(',').filter(|word| !word.is_empty());
        match (words.next(), words.next()) {
            (Some(one), None) => Ok(word(one)),
            _ => Ok(Expression::Comma(text.split(',').filter(|w| !w.is_empty()).map(word).collect())),
        }
    }
}

/// Adds a value to a command's elements: after a comma to the value before it, after a colon to the parameter before it.
fn put(elements: &mut Vec<Element>, value: Expression, after_comma: bool, after_colon: bool) {
    match elements.last_mut() {
        Some(Element::Parameter(_, behind @ None)) if after_colon => *behind = Some(value),
        Some(Element::Value(before) | Element::Parameter(_, Some(before))) if after_comma => {
            let earlier = std::mem::replace(before, Expression::Comma(Vec::new()));
            let mut items = match earlier {
                Expression::Comma(items) => items,
                one => vec![one],
            };
            match value {
                Expression::Comma(more) => items.extend(more),
                one => items.push(one),
            }
            *before = Expression::Comma(items);
        }
        _ => elements.push(Element::Value(value)),
    }
}

fn is_variable(node: Node<'_>) -> bool {
    let mut node = node;
    while let [inner] = children(node)[..] {
        node = inner;
        if node.kind() == "variable" {
            return true;
        }
    }
    node.kind() == "variable"
}
