//! `targetSelector`: targets by their labels, as in Kubernetes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::target::Target;

/// Targets whose labels meet all conditions. Without conditions: all targets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Selector {
    /// Labels that the target must have with these values.
    #[serde(default)]
    pub(super) match_labels: BTreeMap<String, String>,
    /// Further conditions.
    #[serde(default)]
    pub(super) match_expressions: Vec<Expression>,
}

/// A condition on one label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Expression {
    /// The label's key.
    pub(super) key: String,
    /// How the label is compared.
    pub(super) operator: Operator,
    /// The values for `In` and `NotIn`; not given for the others.
    #[serde(default)]
    pub(super) values: Vec<String>,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
pub(super) enum Operator {
    /// The label has one of the values.
    In,
    /// The label has none of the values, or is not there.
    NotIn,
    /// The label is there, whatever its value.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

impl Selector {
    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|expression| expression.matches(labels))
    }

    /// What is wrong with it: the path below the selector and the message.
    pub(super) fn problems(&self) -> Vec<(Vec<String>, String)> {
        let expressions = self.match_expressions.iter().enumerate();
        expressions
            .filter_map(|(nth, expression)| {
                let message = match (expression.operator, expression.values.is_empty()) {
                    (Operator::In | Operator::NotIn, true) => "this operator wants `values`",
                    (Operator::Exists | Operator::DoesNotExist, false) => "this operator takes no `values`",
                    _ => return None,
                };
                let path = ["matchExpressions".to_owned(), nth.to_string(), "operator".to_owned()];
                Some((path.to_vec(), message.to_owned()))
            })
            .collect()
    }
}

impl Expression {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotIn => value.is_none_or(|value| !self.values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// Selections, each worked out once: many resources use the same few selectors.
#[derive(Debug)]
pub(super) struct Selections<'a> {
    targets: &'a BTreeMap<String, Arc<Target>>,
    known: HashMap<Selector, Arc<[Arc<Target>]>>,
}

impl<'a> Selections<'a> {
    pub(super) fn new(targets: &'a BTreeMap<String, Arc<Target>>) -> Self {
        Selections { targets, known: HashMap::new() }
    }

    pub(super) fn of(&mut self, selector: &Selector) -> Arc<[Arc<Target>]> {
        if let Some(known) = self.known.get(selector) {
            return Arc::clone(known);
        }
        let matching = self.targets.values().filter(|target| selector.matches(&target.labels)).cloned();
        let matching: Arc<[Arc<Target>]> = matching.collect();
        self.known.insert(selector.clone(), Arc::clone(&matching));
        matching
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn expression(operator: Operator, values: &[&str]) -> Selector {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        let match_expressions = vec![Expression { key: "role".into(), operator, values }];
        Selector { match_expressions, ..Selector::default() }
    }

    #[test]
    fn operators_mean_what_they_mean_in_kubernetes() {
        use Operator::{DoesNotExist, Exists, In, NotIn};
        let (zfs, esxi, none) = (labels(&[("role", "zfs")]), labels(&[("role", "esxi")]), labels(&[]));
        for (selector, expected) in [
            (expression(In, &["zfs", "x"]), [true, false, false]),
            (expression(NotIn, &["zfs", "x"]), [false, true, true]),
            (expression(Exists, &[]), [true, true, false]),
            (expression(DoesNotExist, &[]), [false, false, true]),
            (Selector::default(), [true, true, true]),
            (
                Selector { match_labels: labels(&[("role", "zfs")]), ..Selector::default() },
                [true, false, false],
            ),
        ] {
            assert_eq!([&zfs, &esxi, &none].map(|l| selector.matches(l)), expected, "{selector:?}");
        }
    }

    #[test]
    fn all_conditions_must_hold() {
        let mut selector = expression(Operator::Exists, &[]);
        selector.match_labels = labels(&[("site", "a")]);
        assert!(selector.matches(&labels(&[("site", "a"), ("role", "x")])));
        assert!(!selector.matches(&labels(&[("site", "b"), ("role", "x")])));
        assert!(!selector.matches(&labels(&[("site", "a")])));
    }
}
