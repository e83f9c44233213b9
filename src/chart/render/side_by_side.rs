//! Pure work on many texts, done by all processors.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Below this many bytes the work is done before another thread has started.
const WORTH_A_THREAD: usize = 48 << 10;
/// More threads gain nothing for a chart.
const MOST_THREADS: usize = 8;

/// Applies a pure function to each item, by several threads where there is enough to do. The results are in the items' order.
///
/// `size` is the number of bytes of one item's text.
pub fn map<T: Sync, R: Send>(items: &[T], size: impl Fn(&T) -> usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let bytes: usize = items.iter().map(size).sum();
    let most = MOST_THREADS.min(bytes / WORTH_A_THREAD).min(items.len());
    // The system is asked only where there is enough to do: the answer takes twenty calls.
    let threads = if most < 2 { 1 } else { most.min(std::thread::available_parallelism().map_or(1, usize::from)) };
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let indexes = std::iter::from_fn(|| Some(next.fetch_add(1, Ordering::Relaxed)).filter(|index| *index < items.len()));
        indexes.map(|index| (index, work(&items[index]))).collect::<Vec<_>>()
    };
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(take)).collect();
        let mut done = take();
        for other in others {
            match other.join() {
                Ok(results) => done.extend(results),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn results_keep_the_order_of_the_items() {
        for size in [1, 100_000] {
            let items: Vec<usize> = (0..1000).collect();
            let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(map(&items, |_| size, |item| item * 2), doubled);
        }
        assert_eq!(map(&[], |_: &u8| 1, |item| *item), Vec::<u8>::new());
    }
}
