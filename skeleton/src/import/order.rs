//! Reading in parallel, taking in order.

use super::room::{Room, Rooms};
use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};

/// Items that are read and not yet taken, over all threads, about.
const IN_FLIGHT: usize = 64;

/// Calls `read` for every item on several threads, and `take` with what it gave on this one, in the
/// order of the items. No more than about [`IN_FLIGHT`] results exist at a time, and those that are
/// read or wait share the memory of [`Rooms`]; `bytes` is what a result takes.
///
/// # Errors
/// The first of `take`; nothing is taken after it.
pub(super) fn in_order<T: Send, E>(
    items: Range<usize>,
    threads: usize,
    read: impl Fn(usize, &Room<'_>) -> T + Sync,
    bytes: impl Fn(&T) -> usize + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    let threads = threads.clamp(1, items.len().max(1));
    let rooms = Rooms::new(items.start);
    // However this ends, no thread is left to wait.
    struct Close<'a>(&'a Rooms);
    impl Drop for Close<'_> {
        fn drop(&mut self) {
            self.0.close();
        }
    }
    std::thread::scope(|scope| {
        let _close = Close(&rooms);
        let lane = |first| {
            let (send, receive) = sync_channel((IN_FLIGHT / threads).max(1));
            let mine = items.clone().skip(first).step_by(threads);
            let (read, bytes, rooms) = (&read, &bytes, &rooms);
            scope.spawn(move || {
                for item in mine {
                    let room = rooms.of(item);
                    let result = read(item, &room);
                    let held = room.keep(bytes(&result));
                    if send.send((result, held)).is_err() {
                        break;
                    }
                }
            });
            receive
        };
        let lanes: Vec<Receiver<(T, u64)>> = (0..threads).map(lane).collect();
        for (item, lane) in items.clone().zip(lanes.iter().cycle()) {
            // A thread that gives nothing has panicked, and the scope will, too.
            let Ok((result, held)) = lane.recv() else {
                break;
            };
            take(item, result)?;
            rooms.done(held);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    #[test]
    fn all_are_taken_in_order_and_few_wait() {
        for threads in [1, 3, 8] {
            let (read, mut taken) = (AtomicUsize::new(0), 0);
            in_order(
                5..1000,
                threads,
                |item, _| {
                    read.fetch_add(1, Ordering::Relaxed);
                    item * 2
                },
                |_| 1,
                |item, result| {
                    assert_eq!((item, result), (taken + 5, 2 * item));
                    taken += 1;
                    let waiting = read.load(Ordering::Relaxed) - taken;
                    assert!(waiting <= IN_FLIGHT + 2 * threads, "{waiting}");
                    Ok::<_, ()>(())
                },
            )
            .expect("no error");
            assert_eq!(taken, 995);
        }
    }

    #[test]
    fn an_error_ends_it() {
        let read = AtomicUsize::new(0);
        let result = in_order(
            0..1_000_000,
            4,
            |item, _| {
                read.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_micros((item % 5) as u64));
                item
            },
            |_| 1,
            |item, _| if item == 10 { Err(item) } else { Ok(()) },
        );
        assert_eq!(result, Err(10));
        assert!(read.load(Ordering::Relaxed) < 1000);
    }

    #[test]
    fn nothing_to_read_is_no_error() {
        assert_eq!(in_order(3..3, 2, |i, _| i, |_| 1, |_, _| Err(())), Ok(()));
    }

    #[test]
    fn large_results_wait_for_room() {
        const LARGE: usize = 100 << 20;
        let (all, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        in_order(
            0..40,
            8,
            |item, room| {
                room.take(LARGE);
                let now = all.fetch_add(LARGE, Ordering::Relaxed) + LARGE;
                most.fetch_max(now, Ordering::Relaxed);
                item
            },
            |_| LARGE,
            |_, _| {
                std::thread::sleep(Duration::from_millis(1));
                all.fetch_sub(LARGE, Ordering::Relaxed);
                Ok::<_, ()>(())
            },
        )
        .expect("no error");
        assert!(most.into_inner() <= 5 * LARGE);
    }
}
