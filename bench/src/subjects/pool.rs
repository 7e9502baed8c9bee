//! The pages that verimem's structures pass on to the next table of a cell.

use std::sync::Arc;
use verimem::arena::ArenaPool;

use crate::heap::Pages;
use crate::subject::Plan;

/// A pool that keeps all that is given back to it.
pub struct Pool(Arc<ArenaPool>);

impl Default for Pool {
    fn default() -> Self {
        Self(Arc::new(ArenaPool::new(usize::MAX)))
    }
}

impl Pool {
    /// The pool, if pages are to be used again.
    pub(super) fn of(&self, plan: &Plan) -> Option<Arc<ArenaPool>> {
        (plan.pages == Pages::Recycled).then(|| Arc::clone(&self.0))
    }
}
