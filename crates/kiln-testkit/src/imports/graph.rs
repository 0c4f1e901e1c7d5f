//! Cycles of a directed graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Returns a shortest cycle of each group of nodes that can all be reached from one another, beginning with its first node.
pub(super) fn cycles<N: Ord + Clone>(edges: &BTreeMap<N, BTreeSet<N>>) -> Vec<Vec<N>> {
    let mut cycles: Vec<Vec<N>> = Vec::new();
    let mut seen: BTreeSet<N> = BTreeSet::new();
    for node in edges.keys() {
        if seen.contains(node) {
            continue;
        }
        let reached = reachable(edges, node);
        let group: BTreeSet<N> = reached.into_iter().filter(|other| reachable(edges, other).contains(node)).collect();
        let shortest = group.iter().filter_map(|start| cycle_through(edges, start)).min_by_key(Vec::len);
        seen.extend(group);
        cycles.extend(shortest);
    }
    cycles
}

/// The nodes that can be reached by one edge or more.
fn reachable<N: Ord + Clone>(edges: &BTreeMap<N, BTreeSet<N>>, from: &N) -> BTreeSet<N> {
    let (mut reached, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(node) = waiting.pop() {
        for next in edges.get(node).into_iter().flatten() {
            if reached.insert(next.clone()) {
                waiting.push(next);
            }
        }
    }
    reached
}

/// A shortest cycle through a node, by breadth-first search.
fn cycle_through<N: Ord + Clone>(edges: &BTreeMap<N, BTreeSet<N>>, start: &N) -> Option<Vec<N>> {
    let mut before: BTreeMap<&N, &N> = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(node) = waiting.pop_front() {
        for next in edges.get(node).into_iter().flatten() {
            if next == start {
                let mut cycle = vec![node.clone()];
                while let Some(previous) = before.get(cycle.last()?) {
                    cycle.push((*previous).clone());
                }
                cycle.reverse();
                return Some(cycle);
            }
            if !before.contains_key(next) {
                before.insert(next, node);
                waiting.push_back(next);
            }
        }
    }
    None
}
