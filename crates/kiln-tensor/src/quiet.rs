//! Panics that become errors, without a message on standard error.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook},
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

thread_local! {
    /// Whether this thread is inside of [`catch_quietly`].
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// The place of the last quiet panic, as `file:line:column`.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// How many calls of [`catch_of_threads`] are running, and the first panic since they began.
static OF_THREADS: AtomicUsize = AtomicUsize::new(0);
static FIRST: Mutex<Option<Caught>> = Mutex::new(None);

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
    put_hook();
    let quiet = Quiet::start();
    PLACE.take();
    let result = catch_unwind(AssertUnwindSafe(f));
    drop(quiet);
    result.map_err(|panic| Caught { message: message(&*panic), place: PLACE.take() })
}

/// [`catch_quietly`] for work that other threads do on behalf of this one: their panics are silent as well, and the first of them is the
/// cause that is returned.
///
/// While it runs, panics of threads that have nothing to do with `f` are silent too, so it is for short work only.
///
/// # Errors
///
/// Returns the message and the place of the first panic.
///
/// # Example
///
/// ```
/// let work = || std::thread::spawn(|| -> u32 { panic!("no driver") }).join().expect("a value");
/// let caught = kiln_tensor::quiet::catch_of_threads(work).unwrap_err();
/// assert_eq!(caught.message, "no driver");
/// ```
pub fn catch_of_threads<T>(f: impl FnOnce() -> T) -> Result<T, Caught> {
    /// Ends it also if this thread unwinds.
    struct Running;
    impl Drop for Running {
        fn drop(&mut self) {
            OF_THREADS.fetch_sub(1, Ordering::SeqCst);
        }
    }
    put_hook();
    if OF_THREADS.fetch_add(1, Ordering::SeqCst) == 0 {
        first().take();
    }
    let running = Running;
    let result = catch_quietly(f);
    drop(running);
    result.map_err(|here| first().take().unwrap_or(here))
}

fn first() -> std::sync::MutexGuard<'static, Option<Caught>> {
    FIRST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts the hook of this module in front of the program's, once.
fn put_hook() {
    static HOOK: Once = Once::new();
    // A thread that unwinds must not change hooks.
    if thread::panicking() {
        return;
    }
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            let of_threads = OF_THREADS.load(Ordering::SeqCst) > 0;
            if of_threads {
                first().get_or_insert_with(|| caught(panic));
            }
            if QUIET.try_with(Cell::get).unwrap_or(false) {
                let place = panic.location().map(ToString::to_string);
                let _ = PLACE.try_with(|last| last.replace(place));
            } else if !of_threads {
                usual(panic);
            }
        }));
    });
}

fn caught(panic: &PanicHookInfo<'_>) -> Caught {
    let message = panic.payload_as_str().unwrap_or(NO_MESSAGE).to_owned();
    Caught { message, place: panic.location().map(ToString::to_string) }
}

const NO_MESSAGE: &str = "a panic without a message";

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or(NO_MESSAGE).to_owned()
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
    fn a_panic_of_another_thread_is_the_cause() {
        let work = || thread::spawn(|| -> u32 { panic!("the cause") }).join().expect("what follows from it");
        let caught = catch_of_threads(work).unwrap_err();
        assert_eq!(caught.message, "the cause");
        assert!(caught.place.unwrap().contains("quiet.rs:"));
        assert_eq!(catch_of_threads(|| 3).unwrap(), 3);
        assert_eq!(catch_of_threads(|| panic!("here")).unwrap_err().message, "here");
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
