//! Panics that become errors, without a message on standard error.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
    thread,
};

thread_local! {
    /// Whether this thread is inside of [`catch_quietly`].
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// The place of the last quiet panic, as `file:line:column`.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Restores the previous state on drop.
struct Quiet {
    before: bool,
}

impl Quiet {
    fn start() -> Self {
        Self { before: QUIET.replace(true) }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        QUIET.set(self.before);
    }
}

/// A panic's message and place.
#[derive(Debug)]
pub struct Caught {
    /// The message of the panic.
    pub message: String,
    /// Where it happened, as `file:line:column`.
    pub place: Option<String>,
}

/// Runs `f` and catches a panic of this thread without a message on standard error.
///
/// Panic hooks belong to the whole process. The first call puts a hook in front of the program's hook. It passes on all panics
/// except those of threads that are inside of this function. If the program sets another hook later, that one reports these panics
/// too; they are caught all the same.
///
/// # Errors
///
/// Returns the message and the place of the panic.
///
/// # Example
///
/// ```
/// let caught = kiln_tensor::quiet::catch_quietly(|| panic!("no {}", 7)).unwrap_err();
/// assert_eq!(caught.message, "no 7");
/// ```
pub fn catch_quietly<T>(f: impl FnOnce() -> T) -> Result<T, Caught> {
    static HOOK: Once = Once::new();
    // A thread that unwinds must not change hooks.
    if !thread::panicking() {
        HOOK.call_once(|| {
            let usual = take_hook();
            set_hook(Box::new(move |panic| {
                if QUIET.try_with(Cell::get).unwrap_or(false) {
                    let place = panic.location().map(ToString::to_string);
                    let _ = PLACE.try_with(|last| last.replace(place));
                } else {
                    usual(panic);
                }
            }));
        });
    }
    let quiet = Quiet::start();
    PLACE.take();
    let result = catch_unwind(AssertUnwindSafe(f));
    drop(quiet);
    result.map_err(|panic| Caught { message: message(&*panic), place: PLACE.take() })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_message_and_place() {
        assert_eq!(catch_quietly(|| 3).unwrap(), 3);
        let caught = catch_quietly(|| panic!("no {}", 7)).unwrap_err();
        assert_eq!(caught.message, "no 7");
        assert!(caught.place.unwrap().contains("quiet.rs:"));
    }

    #[test]
    fn the_quiet_ends_with_the_call() {
        let _ = catch_quietly(|| panic!("quiet"));
        assert!(!QUIET.get());
        let _ = catch_quietly(|| {
            let _ = catch_quietly(|| panic!("inside"));
            assert!(QUIET.get());
        });
        assert!(!QUIET.get());
    }
}
