//! The back ends that there are, by the kind of debugger that an engine has.

use std::collections::HashMap;
use std::sync::Arc;

use super::ground::Backend;
use super::python::Python;
use crate::engine::Debugger;

/// Finds the back end of an engine.
#[derive(Clone, Default)]
pub struct Backends {
    table: HashMap<Debugger, Arc<dyn Backend>>,
}

impl std::fmt::Debug for Backends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.table.keys()).finish()
    }
}

impl Backends {
    /// Those that codebeaker has.
    #[must_use]
    pub fn built_in() -> Self {
        Self::default().with(Debugger::Python, Arc::new(Python))
    }

    /// The same, and this one.
    #[must_use]
    pub fn with(mut self, kind: Debugger, backend: Arc<dyn Backend>) -> Self {
        self.table.insert(kind, backend);
        self
    }

    pub(super) fn get(&self, kind: Debugger) -> Option<Arc<dyn Backend>> {
        self.table.get(&kind).cloned()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<dyn Backend>> {
        self.table.values()
    }
}
