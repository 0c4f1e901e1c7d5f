//! The calls of the MPI library that the crate `mpi` has no safe form of: collective calls that can be given up.
#![allow(unsafe_code, reason = "calls of a C library")]

use std::{ffi::c_int, mem::MaybeUninit, ptr, time::Duration};

use mpi::ffi;

/// A float type that MPI adds up.
pub(super) trait Number: Copy {
    fn datatype() -> ffi::MPI_Datatype;

    /// The memory of earlier sums of this type.
    fn of(memory: &mut Memory) -> &mut Buffers<Self>
    where
        Self: Sized;
}

/// What a sum reads and writes. Fresh memory of this size would cost as much as the sum.
#[derive(Default)]
pub(super) struct Buffers<T> {
    send: Vec<T>,
    receive: Vec<T>,
}

/// The memory of sums, between two of them.
#[derive(Default)]
pub(super) struct Memory {
    single: Buffers<f32>,
    double: Buffers<f64>,
}

impl Number for f32 {
    fn datatype() -> ffi::MPI_Datatype {
        // SAFETY: a constant of the library.
        unsafe { ffi::RSMPI_FLOAT }
    }

    fn of(memory: &mut Memory) -> &mut Buffers<Self> {
        &mut memory.single
    }
}

impl Number for f64 {
    fn datatype() -> ffi::MPI_Datatype {
        // SAFETY: a constant of the library.
        unsafe { ffi::RSMPI_DOUBLE }
    }

    fn of(memory: &mut Memory) -> &mut Buffers<Self> {
        &mut memory.double
    }
}

fn world() -> ffi::MPI_Comm {
    // SAFETY: a constant of the library.
    unsafe { ffi::RSMPI_COMM_WORLD }
}

pub(super) fn rank_and_size() -> (usize, usize) {
    let (mut rank, mut size) = (0, 1);
    // SAFETY: MPI runs, and both places are valid.
    unsafe {
        ffi::MPI_Comm_rank(world(), &mut rank);
        ffi::MPI_Comm_size(world(), &mut size);
    }
    (rank as usize, size as usize)
}

pub(super) fn abort(code: i32) -> ! {
    // SAFETY: MPI runs.
    unsafe { ffi::MPI_Abort(world(), code) };
    std::process::exit(code)
}

/// A call that has begun, with the memory that it reads and writes.
pub(super) struct Pending<S, R> {
    request: ffi::MPI_Request,
    send: Vec<S>,
    receive: Vec<R>,
    /// Numbers of elements and their places, which the call reads too.
    layout: [Vec<c_int>; 2],
}

impl<S, R> Pending<S, R> {
    fn begin(send: Vec<S>, receive: Vec<R>, layout: [Vec<c_int>; 2], call: impl FnOnce(&mut Self) -> c_int) -> Self {
        // SAFETY: a constant of the library.
        let request = unsafe { ffi::RSMPI_REQUEST_NULL };
        let mut pending = Self { request, send, receive, layout };
        // Errors end the program, by the library's default.
        call(&mut pending);
        pending
    }

    /// Asks whether the call is complete, which also makes it go on.
    pub(super) fn is_complete(&mut self) -> bool {
        let mut flag = 0;
        // SAFETY: the request is one that MPI has begun, or null, which is complete.
        unsafe { ffi::MPI_Test(&mut self.request, &mut flag, ffi::RSMPI_STATUS_IGNORE) };
        flag != 0
    }

    /// What the call has received. It must be complete.
    pub(super) fn received(self) -> Vec<R> {
        self.receive
    }

    /// Gives up. MPI may still write, so that the memory is never freed.
    pub(super) fn give_up(self) {
        std::mem::forget(self);
    }
}

impl<T> Pending<T, T> {
    /// Copies the sums, and gives the memory back. The call must be complete.
    pub(super) fn sums_into(self, values: &mut [T], memory: &mut Buffers<T>)
    where
        T: Copy,
    {
        values.copy_from_slice(&self.receive);
        *memory = Buffers { send: self.send, receive: self.receive };
    }
}

/// Begins to add up the ranks' values.
pub(super) fn sum<T: Number>(values: &[T], memory: &mut Buffers<T>) -> Pending<T, T> {
    let count = values.len() as c_int;
    let Buffers { mut send, mut receive } =
        std::mem::replace(memory, Buffers { send: Vec::new(), receive: Vec::new() });
    send.clear();
    send.extend_from_slice(values);
    // MPI writes all of it.
    receive.resize(values.len(), values[0]);
    Pending::begin(send, receive, [Vec::new(), Vec::new()], |pending| {
        // SAFETY: both buffers have `count` elements of the type, and live until the call is complete, or for ever.
        unsafe {
            ffi::MPI_Iallreduce(
                pending.send.as_ptr().cast(),
                pending.receive.as_mut_ptr().cast(),
                count,
                T::datatype(),
                ffi::RSMPI_SUM,
                world(),
                &mut pending.request,
            )
        }
    })
}

/// Begins to gather one number of each rank.
pub(super) fn gather_numbers(number: u64, size: usize) -> Pending<u64, u64> {
    Pending::begin(vec![number], vec![0; size], [Vec::new(), Vec::new()], |pending| {
        // SAFETY: the buffers have one element, and one for each rank; they live until the call is complete, or for ever.
        unsafe {
            ffi::MPI_Iallgather(
                pending.send.as_ptr().cast(),
                1,
                ffi::RSMPI_UINT64_T,
                pending.receive.as_mut_ptr().cast(),
                1,
                ffi::RSMPI_UINT64_T,
                world(),
                &mut pending.request,
            )
        }
    })
}

/// Begins to gather the bytes of each rank, whose numbers are `lengths`. All of them together fit a `c_int`.
pub(super) fn gather_bytes(bytes: &[u8], lengths: &[u64]) -> Pending<u8, u8> {
    let counts: Vec<c_int> = lengths.iter().map(|length| *length as c_int).collect();
    let mut places = vec![0; counts.len()];
    for i in 1..counts.len() {
        places[i] = places[i - 1] + counts[i - 1];
    }
    let total = lengths.iter().sum::<u64>() as usize;
    Pending::begin(bytes.to_vec(), vec![0; total], [counts, places], |pending| {
        let [counts, places] = &pending.layout;
        // SAFETY: the buffers have the bytes of this rank and of all ranks; they, the counts and the places live until the call is
        // complete, or for ever.
        unsafe {
            ffi::MPI_Iallgatherv(
                pending.send.as_ptr().cast(),
                pending.send.len() as c_int,
                ffi::RSMPI_UINT8_T,
                pending.receive.as_mut_ptr().cast(),
                counts.as_ptr(),
                places.as_ptr(),
                ffi::RSMPI_UINT8_T,
                world(),
                &mut pending.request,
            )
        }
    })
}

/// The tag of the messages by which a rank says where it waits.
const WAITING: c_int = 4711;

/// Says to all other ranks that this one waits in its collective call number `call`.
pub(super) fn say_that_i_wait(call: u64, rank: usize, size: usize) {
    // Never freed: MPI may read it later.
    let message: &'static u64 = Box::leak(Box::new(call));
    for other in (0..size).filter(|other| *other != rank) {
        // SAFETY: the message has one element, and lives for ever. The request is complete soon, and its memory belongs to MPI.
        unsafe {
            let mut request = MaybeUninit::uninit();
            ffi::MPI_Isend(
                ptr::from_ref(message).cast(),
                1,
                ffi::RSMPI_UINT64_T,
                other as c_int,
                WAITING,
                world(),
                request.as_mut_ptr(),
            );
            ffi::MPI_Request_free(request.as_mut_ptr());
        }
    }
}

/// The ranks that have said that they wait in call number `call` or a later one.
pub(super) fn who_waits(call: u64) -> Vec<usize> {
    let mut waiting = Vec::new();
    loop {
        let (mut flag, mut status) = (0, MaybeUninit::<ffi::MPI_Status>::uninit());
        // SAFETY: the places are valid; a message that was found has one element.
        let found = unsafe {
            ffi::MPI_Iprobe(ffi::RSMPI_ANY_SOURCE, WAITING, world(), &mut flag, status.as_mut_ptr());
            if flag == 0 {
                return waiting;
            }
            let (status, mut found) = (status.assume_init(), 0u64);
            ffi::MPI_Recv(
                ptr::from_mut(&mut found).cast(),
                1,
                ffi::RSMPI_UINT64_T,
                status.MPI_SOURCE,
                WAITING,
                world(),
                ffi::RSMPI_STATUS_IGNORE,
            );
            (status.MPI_SOURCE as usize, found)
        };
        if found.1 >= call {
            waiting.push(found.0);
        }
    }
}

/// How long a rank that waits looks without a pause: a collective call among ranks that are ready takes less.
pub(super) const SPIN: Duration = Duration::from_millis(2);
