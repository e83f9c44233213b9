//! Room for deep recursion: templates may include one another a thousand levels deep, which no ordinary thread's stack holds.

/// How much of the present thread's stack may be used from here on.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    base: usize,
    limit: usize,
}

/// What every thread can be trusted to have left when a template starts.
const FIRST: usize = 512 * 1024;
/// The stack of a thread made for deep recursion. It is reserved, not used, until it is needed.
const DEEP: usize = 512 * 1024 * 1024;
/// What is left unused at the end of a deep stack.
const MARGIN: usize = 4 * 1024 * 1024;

impl Stack {
    /// Counts from the caller's frame on, on a thread of unknown size.
    pub fn here() -> Self {
        Stack { base: position(), limit: FIRST }
    }

    /// Whether there is still room.
    pub fn has_room(&self) -> bool {
        self.base.abs_diff(position()) < self.limit
    }

    /// Whether this is a deep stack already: where it has no room, the recursion has no end.
    pub fn is_deep(&self) -> bool {
        self.limit > FIRST
    }

    /// Runs the work on a thread with a deep stack, and waits for it. `None` where there is no such thread or it died.
    pub fn deepen<T: Send>(work: impl FnOnce(Stack) -> T + Send) -> Option<T> {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("template".into()).stack_size(DEEP);
            let run = move || work(Stack { base: position(), limit: DEEP - MARGIN });
            thread.spawn_scoped(scope, run).ok()?.join().ok()
        })
    }
}

/// An address in the present stack frame.
#[inline(never)]
fn position() -> usize {
    let marker = 0u8;
    std::ptr::from_ref(std::hint::black_box(&marker)).addr()
}
