//! Expressions.

use std::rc::Rc;

use tree_sitter::Node;

use super::super::super::value::Value;
use super::super::tree::{Expression, Name, Operator};
use super::{Beyond, Source, children, named};

impl Source<'_> {
    pub(super) fn expression(&self, node: Node<'_>) -> Result<Expression, Beyond> {
        let parts = children(node);
        // Arguments of methods have their own names for the same.
        let kind = node.kind().replace("_argument_expression", "_expression");
        match kind.as_str() {
            "string_literal" => self.string(node),
            "integer_literal" => self.integer(node),
            "variable" => self.variable(node),
            "member_access" => self.member(node, &parts),
            "element_access" => self.index(node, &parts),
            "invokation_expression" => self.call(node, &parts),
            "array_expression" => Ok(Expression::Array(self.within(node)?)),
            "sub_expression" => Ok(Expression::Sub(self.within(node)?)),
            "parenthesized_expression" => match named(node)[..] {
                [inner] => Ok(Expression::Grouped(Box::new(self.statement(inner)?))),
                _ => Err(self.not_understood(node)),
            },
            "hash_literal_expression" => self.table(node),
            "script_block_expression" => self.block(node),
            "type_literal" => Ok(Expression::Literal(Value::Type(self.type_name(node)))),
            "expression_with_unary_operator" if parts.len() == 2 => self.unary(node, &parts),
            "cast_expression" | "attributed_variable" => match parts[..] {
                [to, of] => Ok(Expression::Cast { to: self.type_name(to), of: self.boxed_expression(of)? }),
                _ => Err(self.not_understood(node)),
            },
            "post_increment_expression" => match parts[..] {
                [of, _] => Ok(Expression::Increment(Box::new(self.expression(of)?))),
                _ => Err(self.not_understood(node)),
            },
            "logical_expression" | "comparison_expression" | "additive_expression" if parts.len() == 3 => {
                self.binary(node, &parts)
            }
            "array_literal_expression" if parts.len() > 1 => named(node)
                .into_iter()
                .map(|item| self.expression(item))
                .collect::<Result<_, _>>()
                .map(Expression::Comma),
            "logical_expression"
            | "bitwise_expression"
            | "comparison_expression"
            | "additive_expression"
            | "multiplicative_expression"
            | "format_expression"
            | "range_expression"
            | "argument_expression"
            | "array_literal_expression"
            | "unary_expression"
            | "expression_with_unary_operator" => match parts[..] {
                [inner] => self.expression(inner),
                _ => Err(self.not_understood(node)),
            },
            _ => Err(self.not_understood(node)),
        }
    }

    fn boxed_expression(&self, node: Node<'_>) -> Result<Box<Expression>, Beyond> {
        self.expression(node).map(Box::new)
    }

    fn integer(&self, node: Node<'_>) -> Result<Expression, Beyond> {
        let number = self.text(node).trim().parse().map_err(|_| self.not_understood(node))?;
        Ok(Expression::Literal(Value::Int(number)))
    }

    /// A variable's name, in lower case. Of scopes there are `global:`, which is `script:` too since nothing here is a script
    /// file, and `local:`.
    pub(super) fn variable_name(&self, node: Node<'_>) -> Result<Name, Beyond> {
        match self.variable(node)? {
            Expression::Variable(name) => Ok(name),
            _ => Err(self.not_understood(node)),
        }
    }

    pub(super) fn variable(&self, node: Node<'_>) -> Result<Expression, Beyond> {
        let text = self.text(node).trim();
        let name = text.strip_prefix('$').ok_or_else(|| self.not_understood(node))?;
        let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
        let lower = name.to_lowercase();
        Ok(match lower.as_str() {
            "true" => Expression::Literal(Value::Bool(true)),
            "false" => Expression::Literal(Value::Bool(false)),
            "null" => Expression::Literal(Value::Null),
            "psitem" => Expression::Variable(Name::from("_")),
            _ if lower.starts_with("env:") => {
                Expression::Environment(name.get("env:".len()..).unwrap_or_default().to_owned())
            }
            _ => {
                let plain = ["global:", "script:"].iter().find_map(|scope| lower.strip_prefix(scope));
                let name = match (plain, lower.strip_prefix("local:")) {
                    (Some(plain), _) => format!("{}{plain}", super::super::tree::GLOBAL),
                    (None, Some(plain)) => plain.to_owned(),
                    (None, None) if lower.contains(':') => return Err(self.not_understood(node)),
                    (None, None) => lower,
                };
                if name.contains(['?', '^', '$']) {
                    return Err(self.not_understood(node));
                }
                Expression::Variable(Name::from(name))
            }
        })
    }

    fn member_name(&self, node: Node<'_>) -> Result<String, Beyond> {
        match children(node)[..] {
            [name] if name.kind() == "simple_name" => Ok(self.text(name).trim().to_owned()),
            _ => Err(self.not_understood(node)),
        }
    }

    fn member(&self, node: Node<'_>, parts: &[Node<'_>]) -> Result<Expression, Beyond> {
        let [of, _, name] = parts else {
            return Err(self.not_understood(node));
        };
        Ok(Expression::Member { of: self.boxed_expression(*of)?, name: self.member_name(*name)? })
    }

    fn index(&self, node: Node<'_>, parts: &[Node<'_>]) -> Result<Expression, Beyond> {
        let [of, _, at, _] = parts else {
            return Err(self.not_understood(node));
        };
        Ok(Expression::Index { of: self.boxed_expression(*of)?, at: self.boxed_expression(*at)? })
    }

    fn call(&self, node: Node<'_>, parts: &[Node<'_>]) -> Result<Expression, Beyond> {
        let [of, _, name, list] = parts else {
            return Err(self.not_understood(node));
        };
        let mut arguments = Vec::new();
        for expressions in named(*list) {
            for argument in named(expressions) {
                arguments.push(self.expression(argument)?);
            }
        }
        Ok(Expression::Call { of: self.boxed_expression(*of)?, name: self.member_name(*name)?, arguments })
    }

    fn table(&self, node: Node<'_>) -> Result<Expression, Beyond> {
        let mut entries = Vec::new();
        for body in named(node) {
            for entry in named(body) {
                let [key, value] = named(entry)[..] else {
                    return Err(self.not_understood(entry));
                };
                let key = match children(key)[..] {
                    [name] if name.kind() == "simple_name" => {
                        Expression::Literal(Value::text(self.text(name).trim()))
                    }
                    [inner] => self.expression(inner)?,
                    _ => return Err(self.not_understood(key)),
                };
                entries.push((key, self.statement(value)?));
            }
        }
        Ok(Expression::Table(entries))
    }

    fn block(&self, node: Node<'_>) -> Result<Expression, Beyond> {
        match named(node)[..] {
            [] => {
                Ok(Expression::Block(Rc::new(super::Body { parameters: Vec::new(), statements: Vec::new() })))
            }
            [inner] => Ok(Expression::Block(Rc::new(self.body(inner)?))),
            _ => Err(self.not_understood(node)),
        }
    }

    /// `[System.Text.Encoding]` and `[Text.Encoding]` are the same: `text.encoding`.
    fn type_name(&self, node: Node<'_>) -> String {
        let name = self.text(node).trim().trim_matches(['[', ']']).to_lowercase();
        name.strip_prefix("system.").unwrap_or(&name).to_owned()
    }

    fn unary(&self, node: Node<'_>, parts: &[Node<'_>]) -> Result<Expression, Beyond> {
        let [operator, of] = parts else {
            return Err(self.not_understood(node));
        };
        let of = self.boxed_expression(*of)?;
        match self.text(*operator).trim().to_lowercase().as_str() {
            "-not" | "!" => Ok(Expression::Not(of)),
            "-" => Ok(Expression::Minus(of)),
            "," => Ok(Expression::Comma(vec![*of])),
            _ => Err(self.not_understood(node)),
        }
    }

    fn binary(&self, node: Node<'_>, parts: &[Node<'_>]) -> Result<Expression, Beyond> {
        let [left, operator, right] = parts else {
            return Err(self.not_understood(node));
        };
        let (left, right) = (self.boxed_expression(*left)?, self.boxed_expression(*right)?);
        let operator = match self.text(*operator).trim().to_lowercase().as_str() {
            "-and" => return Ok(Expression::Both(left, right)),
            "-or" => return Ok(Expression::Either(left, right)),
            "-eq" | "-ieq" => Operator::Equal,
            "-ne" | "-ine" => Operator::NotEqual,
            "-gt" => Operator::Greater,
            "-ge" => Operator::GreaterOrEqual,
            "-lt" => Operator::Less,
            "-le" => Operator::LessOrEqual,
            "-like" => Operator::Like,
            "-notlike" => Operator::NotLike,
            "-contains" => Operator::Contains,
            "-notcontains" => Operator::NotContains,
            "-in" => Operator::In,
            "-notin" => Operator::NotIn,
            "-split" => Operator::Split,
            "-join" => Operator::Join,
            "+" => Operator::Plus,
            "-" => Operator::Minus,
            _ => return Err(self.not_understood(node)),
        };
        Ok(Expression::Binary(operator, left, right))
    }
}
