//! The recordings that are kept.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::capture::Graph;

/// Recordings by key. The one that was used longest ago is dropped when there are too many.
pub(super) struct Recordings {
    kept: Mutex<VecDeque<(String, Arc<Graph>)>>,
    most: usize,
}

impl Recordings {
    pub(super) const fn new(most: usize) -> Self {
        Self { kept: Mutex::new(VecDeque::new()), most }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(String, Arc<Graph>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &str) -> Option<Arc<Graph>> {
        let mut kept = self.lock();
        let at = kept.iter().position(|(known, _)| known == key)?;
        let found = kept.remove(at).expect("its place was just found");
        let graph = found.1.clone();
        kept.push_back(found);
        Some(graph)
    }

    pub(super) fn put(&self, key: String, graph: Arc<Graph>) {
        let mut kept = self.lock();
        while kept.len() >= self.most {
            kept.pop_front();
        }
        kept.push_back((key, graph));
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }
}
