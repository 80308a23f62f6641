//! The back ends that there are, by the kind of debugger that an engine has.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::ground::Backend;
use super::inspector::{Deno, Inspector};
use super::proxied::Adapters;
use super::python::Python;
use crate::engine::Debugger;
use crate::session::Toolbox;

/// Finds the back end of an engine. The default knows those alone that are adapters themselves.
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
        Self::default()
            .with(Debugger::Python, Arc::new(Python))
            .with(Debugger::Inspector, Arc::new(Inspector))
            .with(Debugger::Deno, Arc::new(Deno))
    }

    /// The same, and this one.
    #[must_use]
    pub fn with(mut self, kind: Debugger, backend: Arc<dyn Backend>) -> Self {
        self.table.insert(kind, backend);
        self
    }

    pub(super) fn get(&self, kind: Debugger, tools: &Toolbox) -> Option<Arc<dyn Backend>> {
        match kind {
            Debugger::Adapter(adapter) => {
                let program = tools.adapter(adapter);
                Some(Arc::new(if tools.is_host() {
                    Adapters::known(adapter, program.map(PathBuf::from))
                } else {
                    Adapters::of_image(adapter, program)
                }))
            }
            kind => self.table.get(&kind).cloned(),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<dyn Backend>> {
        self.table.values()
    }
}
