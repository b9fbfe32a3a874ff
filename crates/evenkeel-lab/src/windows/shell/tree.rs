//! A script as it is run: what is left of the grammar's tree.

use std::rc::Rc;

use super::super::value::Value;

/// A name in lower case: names do not tell cases apart.
pub(super) type Name = Rc<str>;

/// Before the name of a variable of the global scope.
pub(super) const GLOBAL: &str = "global:";

/// A script, a function or a script block.
#[derive(Debug)]
pub struct Body {
    /// `param(…)`
    pub(super) parameters: Vec<Name>,
    pub(super) statements: Vec<Statement>,
}

#[derive(Debug)]
pub(super) struct Statement {
    /// From 1.
    pub(super) line: usize,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Commands, or an expression and what it is piped to.
    Pipeline(Vec<Stage>),
    Assign {
        to: Expression,
        adds: bool,
        value: Box<Statement>,
    },
    If {
        branches: Vec<(Statement, Vec<Statement>)>,
        otherwise: Vec<Statement>,
    },
    Foreach {
        variable: Name,
        over: Box<Statement>,
        body: Vec<Statement>,
    },
    For {
        first: Option<Box<Statement>>,
        condition: Option<Box<Statement>>,
        next: Option<Box<Statement>>,
        body: Vec<Statement>,
    },
    While {
        condition: Box<Statement>,
        body: Vec<Statement>,
    },
    Try {
        body: Vec<Statement>,
        catch: Option<Vec<Statement>>,
        finally: Vec<Statement>,
    },
    Throw(Option<Box<Statement>>),
    Return(Option<Box<Statement>>),
    Exit(Option<Box<Statement>>),
    Break,
    Continue,
    Function(Name, Rc<Body>),
}

#[derive(Debug)]
pub(super) enum Stage {
    Expression(Expression),
    Command(Command),
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) name: Expression,
    pub(super) elements: Vec<Element>,
}

#[derive(Debug)]
pub(super) enum Element {
    /// `-Name`, and what stands behind its colon.
    Parameter(String, Option<Expression>),
    Value(Expression),
    /// `@name`
    Splat(Name),
}

#[derive(Debug)]
pub(super) enum Expression {
    Literal(Value),
    /// `"a $b"`
    Expanded(Vec<Expression>),
    Variable(Name),
    /// `$env:NAME`
    Environment(String),
    /// `.name`, or `::name` of a type
    Member {
        of: Box<Expression>,
        name: String,
    },
    Index {
        of: Box<Expression>,
        at: Box<Expression>,
    },
    Call {
        of: Box<Expression>,
        name: String,
        arguments: Vec<Expression>,
    },
    /// `@( )`
    Array(Vec<Statement>),
    /// `$( )`
    Sub(Vec<Statement>),
    /// `( )`
    Grouped(Box<Statement>),
    /// `a, b`
    Comma(Vec<Expression>),
    /// `@{ }`
    Table(Vec<(Expression, Statement)>),
    Block(Rc<Body>),
    /// `[int]$x`
    Cast {
        /// In lower case, without `System.`.
        to: String,
        of: Box<Expression>,
    },
    Not(Box<Expression>),
    Minus(Box<Expression>),
    /// `$x++`, which yields nothing where it is a statement
    Increment(Box<Expression>),
    Both(Box<Expression>, Box<Expression>),
    Either(Box<Expression>, Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Like,
    NotLike,
    Contains,
    NotContains,
    In,
    NotIn,
    Split,
    Join,
    Plus,
    Minus,
}
