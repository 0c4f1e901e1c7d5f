//! Whether the user asked the command to stop.

use std::sync::atomic::Ordering;

use crate::base::interrupt;

/// Returns whether Ctrl-C was pressed. The first call installs the handler.
pub(crate) fn is_interrupted() -> bool {
    interrupt::flag().load(Ordering::Relaxed)
}
