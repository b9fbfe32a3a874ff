//! `dependsOn`: what it names must exist, and must not come back to where it started.

use std::collections::HashMap;

use super::de::short;
use super::load::UNREAD;
use super::problems::Problems;
use super::resource::Resource;
use super::suggest::did_you_mean;

/// For every resource, how many others it has to wait for one after another. Names that do not exist and
/// cycles are problems; such dependencies count for nothing.
pub(super) fn levels(resources: &[Resource], problems: &mut Problems) -> Vec<usize> {
    if resources.iter().all(|resource| resource.common.depends_on.is_empty()) {
        return vec![0; resources.len()];
    }
    let by_id: HashMap<String, usize> =
        resources.iter().enumerate().map(|(at, resource)| (resource.id(), at)).collect();
    let edges: Vec<Vec<usize>> =
        resources.iter().map(|resource| resolve(resource, &by_id, problems)).collect();
    let (levels, unsettled) = settle(&edges);
    report_cycles(resources, &edges, &unsettled, problems);
    levels
}

fn resolve(resource: &Resource, by_id: &HashMap<String, usize>, problems: &mut Problems) -> Vec<usize> {
    let mut edges = Vec::new();
    for (nth, name) in resource.common.depends_on.iter().enumerate() {
        match by_id.get(name) {
            Some(&at) => edges.push(at),
            None if problems.is_full() => {}
            None => {
                let (message, hint) = unknown(name, by_id, problems.has_unread());
                resource.problem(&["dependsOn", &nth.to_string()], message, hint, problems);
            }
        }
    }
    edges
}

fn unknown(name: &str, by_id: &HashMap<String, usize>, has_unread: bool) -> (String, Option<String>) {
    let shown = short(name);
    match name.split_once('/') {
        None => {
            let hint = "write `Kind/name`, for instance `ZfsPool/tank`".to_owned();
            (format!("`{shown}` does not name a resource"), Some(hint))
        }
        Some(("Target", _)) => {
            let hint = "a resource waits for its own target anyway: take the line away".to_owned();
            (format!("`{shown}` is a target, not a resource"), Some(hint))
        }
        Some(_) => {
            let near = did_you_mean(name, by_id.keys().map(String::as_str));
            let hint =
                if has_unread { UNREAD } else { "add a manifest for it, or take the line away" }.to_owned();
            (format!("there is no resource `{shown}`{near}"), Some(hint))
        }
    }
}

/// Takes resources away whose dependencies are all taken away. What remains hangs on a cycle (true).
fn settle(edges: &[Vec<usize>]) -> (Vec<usize>, Vec<bool>) {
    let mut levels = vec![0; edges.len()];
    let mut waiting: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (at, needs) in edges.iter().enumerate() {
        for &needed in needs {
            if let Some(list) = dependents.get_mut(needed) {
                list.push(at);
            }
        }
    }
    let mut ready: Vec<usize> = (0..edges.len()).filter(|at| waiting.get(*at) == Some(&0)).collect();
    let mut unsettled = vec![true; edges.len()];
    while let Some(done) = ready.pop() {
        if let Some(flag) = unsettled.get_mut(done) {
            *flag = false;
        }
        let next = levels.get(done).map_or(0, |level| level + 1);
        for &at in dependents.get(done).into_iter().flatten() {
            if let Some(level) = levels.get_mut(at) {
                *level = next.max(*level);
            }
            if let Some(count) = waiting.get_mut(at) {
                *count -= 1;
                if *count == 0 {
                    ready.push(at);
                }
            }
        }
    }
    (levels, unsettled)
}

fn report_cycles(resources: &[Resource], edges: &[Vec<usize>], unsettled: &[bool], problems: &mut Problems) {
    let on_cycle = |at: usize| unsettled.get(at).copied().unwrap_or_default();
    // In which walk a resource was first met; a walk that meets itself has found a cycle.
    let mut met: Vec<Option<usize>> = vec![None; edges.len()];
    for start in (0..edges.len()).filter(|&at| on_cycle(at)) {
        let mut walk = Vec::new();
        let mut at = start;
        while met.get(at).is_some_and(Option::is_none) {
            if let Some(slot) = met.get_mut(at) {
                *slot = Some(start);
            }
            walk.push(at);
            let needs = edges.get(at).into_iter().flatten().copied();
            // What is unsettled needs something unsettled.
            let Some(next) = needs.into_iter().find(|&next| on_cycle(next)) else { break };
            at = next;
        }
        if met.get(at) == Some(&Some(start))
            && let Some(begin) = walk.iter().position(|&step| step == at)
        {
            report_cycle(resources, walk.get(begin..).unwrap_or_default(), problems);
        }
    }
}

fn report_cycle(resources: &[Resource], cycle: &[usize], problems: &mut Problems) {
    const SHOWN: usize = 10;
    let ids: Vec<String> = cycle.iter().filter_map(|&at| resources.get(at)).map(Resource::id).collect();
    let (Some(first), Some(resource)) = (ids.first(), cycle.first().and_then(|&at| resources.get(at))) else {
        return;
    };
    let mut shown: Vec<&str> = ids.iter().take(SHOWN).map(String::as_str).collect();
    if ids.len() > SHOWN {
        shown.push("…");
    }
    let message = format!("`dependsOn` goes round in a circle: {} → {first}", shown.join(" → "));
    let next = ids.get(1).unwrap_or(first);
    let nth = resource.common.depends_on.iter().position(|name| name == next).unwrap_or_default();
    let hint = Some("take one of these dependencies away".to_owned());
    resource.problem(&["dependsOn", &nth.to_string()], message, hint, problems);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_the_longest_way_to_what_waits_for_nothing() {
        // 3 needs 2 and 0, 2 needs 1, 1 needs 0.
        let (levels, unsettled) = settle(&[vec![], vec![0], vec![1], vec![2, 0]]);
        assert_eq!(levels, [0, 1, 2, 3]);
        assert_eq!(unsettled, [false; 4]);
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_is_walked_without_recursion() {
        let edges: Vec<Vec<usize>> =
            (0..100_000_usize).map(|at| at.checked_sub(1).into_iter().collect()).collect();
        assert_eq!(settle(&edges).0.last(), Some(&99_999));
    }
}
