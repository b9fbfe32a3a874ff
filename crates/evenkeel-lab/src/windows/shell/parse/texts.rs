//! Texts in quotes (`about_Quoting_Rules`, `about_Special_Characters`).

use tree_sitter::Node;

use super::super::super::value::Value;
use super::super::tree::Expression;
use super::{Beyond, Source, children};

impl Source<'_> {
    pub(super) fn string(&self, node: Node<'_>) -> Result<Expression, Beyond> {
        let [inner] = children(node)[..] else {
            return Err(self.not_understood(node));
        };
        match inner.kind() {
            "verbatim_string_characters" => {
                let text = self.text(inner).trim_start();
                let bare = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(text);
                Ok(Expression::Literal(Value::text(bare.replace("''", "'"))))
            }
            "expandable_string_literal" => self.expandable(inner),
            _ => Err(self.not_understood(inner)),
        }
    }

    /// The grammar tells only what is expanded; what stands between is text.
    fn expandable(&self, node: Node<'_>) -> Result<Expression, Beyond> {
        let range = node.byte_range();
        // A node may begin with the space before it.
        let before = self.text(node).len() - self.text(node).trim_start().len();
        let (mut from, end) = (range.start + before + 1, range.end.saturating_sub(1));
        let mut pieces = Vec::new();
        for part in children(node) {
            if !matches!(part.kind(), "variable" | "sub_expression") {
                continue;
            }
            self.plain(node, from, part.start_byte(), &mut pieces)?;
            pieces.push(self.expression(part)?);
            from = part.end_byte();
        }
        self.plain(node, from, end, &mut pieces)?;
        Ok(match pieces.as_slice() {
            [] => Expression::Literal(Value::text("")),
            [Expression::Literal(text @ Value::Text(_))] => Expression::Literal(text.clone()),
            _ => Expression::Expanded(pieces),
        })
    }

    fn plain(
        &self,
        node: Node<'_>,
        from: usize,
        to: usize,
        pieces: &mut Vec<Expression>,
    ) -> Result<(), Beyond> {
        let raw = self.text.get(from..to).unwrap_or_default();
        if raw.is_empty() {
            return Ok(());
        }
        let mut text = String::with_capacity(raw.len());
        let mut rest = raw.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '"' => {
                    rest.next_if_eq(&'"');
                    text.push('"');
                }
                '`' => match rest.next() {
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some('0') => text.push('\0'),
                    Some(c) if !c.is_alphanumeric() => text.push(c),
                    _ => return Err(self.not_understood(node)),
                },
                c => text.push(c),
            }
        }
        pieces.push(Expression::Literal(Value::Text(text)));
        Ok(())
    }
}
