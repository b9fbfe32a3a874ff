//! From a script's text to its [`Body`]: by tree-sitter's grammar of PowerShell, once for each text.

mod expressions;
mod statements;
mod texts;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use tree_sitter::{Node, Parser};

use super::tree::Body;

/// A test's lines by hand would else stay for ever.
const MOST_KEPT: usize = 500;

thread_local! {
    static KEPT: RefCell<HashMap<String, Rc<Body>>> = RefCell::new(HashMap::new());
}

/// What we do not understand of a script, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Beyond {
    pub(super) line: usize,
    pub(super) what: String,
}

/// A script's body. Fails where it is no PowerShell, or uses more of it than this simulator understands.
pub(super) fn parse(text: &str) -> Result<Rc<Body>, Beyond> {
    if let Some(kept) = KEPT.with_borrow(|kept| kept.get(text).cloned()) {
        return Ok(kept);
    }
    let body = Rc::new(parse_afresh(text)?);
    KEPT.with_borrow_mut(|kept| {
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(text.to_owned(), Rc::clone(&body));
    });
    Ok(body)
}

fn parse_afresh(text: &str) -> Result<Body, Beyond> {
    let at_start = |what: &str| Beyond { line: 1, what: what.to_owned() };
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_powershell::LANGUAGE.into())
        .map_err(|_| at_start("the grammar does not fit the parser"))?;
    let tree = parser.parse(text, None).ok_or_else(|| at_start("the script could not be parsed"))?;
    let source = Source { text };
    let root = tree.root_node();
    if root.has_error() {
        let node = first_error(root);
        return Err(source.beyond(node, "this is not PowerShell, to the grammar that reads it"));
    }
    source.body(root)
}

/// The innermost node that the grammar could not make sense of.
fn first_error(node: Node<'_>) -> Node<'_> {
    if node.is_error() || node.is_missing() {
        return node;
    }
    let mut cursor = node.walk();
    match node.children(&mut cursor).find(Node::has_error) {
        Some(child) => first_error(child),
        None => node,
    }
}

/// A script's text, which the nodes of its tree are ranges of.
struct Source<'t> {
    text: &'t str,
}

impl<'t> Source<'t> {
    fn text(&self, node: Node<'_>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    fn line(node: Node<'_>) -> usize {
        node.start_position().row + 1
    }

    fn beyond(&self, node: Node<'_>, why: &str) -> Beyond {
        let shown: String = self.text(node).trim().chars().take(60).collect();
        Beyond { line: Self::line(node), what: format!("{why}: `{shown}` ({})", node.kind()) }
    }

    fn not_understood(&self, node: Node<'_>) -> Beyond {
        self.beyond(node, "the simulator does not understand this of PowerShell")
    }
}

/// A node's children, without comments.
fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.children(&mut cursor).filter(|child| child.kind() != "comment").collect()
}

/// A node's children that have a name in the grammar, without comments.
fn named(node: Node<'_>) -> Vec<Node<'_>> {
    let mut all = children(node);
    all.retain(Node::is_named);
    all
}
