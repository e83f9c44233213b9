//! Where a sorted list of files is cut into layers.
//!
//! The cut is content-defined: from each start, the cut is made at the best place among those that leave a layer between
//! [`FILL`] and all of the target. Best is where the two neighbours share the fewest directories (so whole subtrees stay together);
//! among equals, a hash of the new subtree's path decides. A decision looks at nothing outside its own window, so a change moves
//! files between layers near itself at most, and a change within one file moves none: sizes count in blocks of 4 KiB.

use std::ops::Range;

/// A layer's target, in blocks: 5 MiB of files, about 3 MB as gzip.
const TARGET: u64 = 1280;
/// The least part of the target that a layer has, in hundredths.
const FILL: u64 = 65;
/// More layers cost more at every build than they save at a change; see the crate's notes on Git transfer.
const MOST: usize = 32;
const BLOCK: u64 = 4096;
const HEADER: u64 = 512;

/// One file as the cut sees it.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Path inside the set.
    pub path: &'a str,
    /// Bytes.
    pub size: u64,
}

/// Cuts files, sorted by path bytes, into 1 to 32 ranges. No files: no range.
pub fn cut(files: &[Piece<'_>]) -> Vec<Range<usize>> {
    let weights: Vec<u64> = files.iter().map(|file| (file.size + HEADER).div_ceil(BLOCK)).collect();
    let mut target = TARGET;
    loop {
        let ranges = cut_at(files, &weights, target);
        if ranges.len() <= MOST {
            return ranges;
        }
        // Coarse steps: a tree that grows is cut anew seldom, not at every commit.
        target = target * 3 / 2;
    }
}

fn cut_at(files: &[Piece<'_>], weights: &[u64], target: u64) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < files.len() {
        let end = next_cut(files, weights, start, target);
        ranges.push(start..end);
        start = end;
    }
    ranges
}

/// The end of the layer that begins at `start`; always after it.
fn next_cut(files: &[Piece<'_>], weights: &[u64], start: usize, target: u64) -> usize {
    let least = target * FILL / 100;
    let mut filled = 0;
    let mut best: Option<((usize, u64), usize)> = None;
    for at in start..files.len() {
        if filled + weights[at] > target && at > start {
            // A file that overflows a layer which is not yet full enough begins the next one.
            return best.map_or(at, |(_, best)| best);
        }
        filled += weights[at];
        let next = at + 1;
        if filled >= least && next < files.len() {
            let rank = boundary(files[at].path, files[next].path);
            if best.is_none_or(|(known, _)| rank < known) {
                best = Some((rank, next));
            }
        }
    }
    files.len()
}

/// How good a cut between two neighbours is; less is better.
fn boundary(before: &str, after: &str) -> (usize, u64) {
    let mut common = 0;
    let mut depth = 0;
    for (at, (a, b)) in before.bytes().zip(after.bytes()).enumerate() {
        if a != b {
            break;
        }
        if a == b'/' {
            depth += 1;
            common = at + 1;
        }
    }
    let subtree = after[common..].find('/').map_or(after, |end| &after[..common + end]);
    (depth, fnv(subtree.as_bytes()))
}

/// FNV-1a with a finishing step: names that differ in their last character only must not come out in order.
fn fnv(bytes: &[u8]) -> u64 {
    let hash: u64 = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree(dirs: usize, files: usize, size: u64) -> Vec<(String, u64)> {
        (0..dirs).flat_map(|d| (0..files).map(move |f| (format!("d{d:03}/f{f:03}"), size))).collect()
    }

    fn ranges(files: &[(String, u64)]) -> Vec<Range<usize>> {
        cut(&files.iter().map(|(path, size)| Piece { path, size: *size }).collect::<Vec<_>>())
    }

    /// The layers as their sets of paths and sizes.
    fn layers(files: &[(String, u64)]) -> Vec<Vec<(String, u64)>> {
        ranges(files).into_iter().map(|range| files[range].to_vec()).collect()
    }

    fn changed(old: &[(String, u64)], new: &[(String, u64)]) -> usize {
        let old = layers(old);
        layers(new).iter().filter(|layer| !old.contains(layer)).count()
    }

    #[test]
    fn small_trees_are_one_layer() {
        assert_eq!(ranges(&[]).len(), 0);
        assert_eq!(ranges(&tree(1, 1, 0)).len(), 1);
        assert_eq!(ranges(&tree(10, 100, 3000)).len(), 1);
    }

    #[test]
    fn whole_subtrees_near_the_target() {
        let files = tree(100, 100, 10_240);
        let ranges = ranges(&files);
        assert!((25..=32).contains(&ranges.len()), "{}", ranges.len());
        for range in &ranges[..ranges.len() - 1] {
            assert_eq!(range.end % 100, 0, "cut within a directory");
            assert!((300..=400).contains(&range.len()), "{range:?}");
        }
    }

    #[test]
    fn one_huge_file_has_a_layer_of_its_own() {
        let mut files = tree(2, 100, 10_240);
        files.insert(100, ("d001/a-huge".into(), 1 << 30));
        assert_eq!(ranges(&files), [0..100, 100..101, 101..201]);
    }

    #[test]
    fn a_change_in_one_file_changes_one_layer() {
        let files = tree(100, 100, 10_000);
        for at in (0..files.len()).step_by(997) {
            let mut edited = files.clone();
            edited[at].1 += 37;
            assert_eq!(changed(&files, &edited), 1, "{}", files[at].0);
        }
    }

    #[test]
    fn an_added_directory_stays_local() {
        let files = tree(100, 100, 10_000);
        for at in [0, 17, 50, 99] {
            let mut grown = files.clone();
            grown.extend((0..100).map(|f| (format!("d{at:03}x/f{f:03}"), 10_000)));
            grown.sort();
            assert!(changed(&files, &grown) <= 12, "after d{at:03}: {}", changed(&files, &grown));
        }
    }

    proptest! {
        #[test]
        fn ranges_cover_all_files_in_order(sizes in proptest::collection::vec(0u64..20_000_000, 0..300)) {
            let files: Vec<(String, u64)> = sizes.iter().enumerate().map(|(at, size)| (format!("{:02}/{at:04}", at / 7), *size)).collect();
            let ranges = ranges(&files);
            prop_assert!(ranges.len() <= MOST);
            let mut end = 0;
            for range in ranges {
                prop_assert_eq!(range.start, end);
                prop_assert!(range.end > range.start);
                end = range.end;
            }
            prop_assert_eq!(end, files.len());
        }
    }
}
