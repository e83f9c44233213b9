//! Sums of chosen files, remembered: by all images of a run, and from run to run in a file.
//!
//! A sum is a function of its key: of what a directory holds, by [`crate::file_tree::FileTree::identity`], and of what is chosen there. So a lost
//! or late write costs work and no more, and whoever finds the file damaged goes without it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::listing::Sum;
use crate::cache_file;

/// What the file begins with. A change of what is chosen, or of how it is summed, is another version's or raises the number.
const HEAD: &[u8] = concat!("werf sums 1 of ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// How many sums the file keeps.
const MOST: usize = 4096;

/// Bytes of the check that follows the head, and of each sum with its key.
const CHECK: usize = 32;
const RECORD: usize = 65;

/// Names what a directory holds and what is chosen of it.
pub type SumKey = [u8; 32];

/// What was summed before. The default remembers for as long as it lives.
#[derive(Debug, Default)]
pub struct Sums {
    file: Option<PathBuf>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// `None` is the sum of nothing.
    sums: HashMap<SumKey, Option<Sum>>,
    /// Keys that were asked for or came, each once.
    used: Vec<SumKey>,
    is_used: HashSet<SumKey>,
    /// Something came since.
    is_new: bool,
}

impl Sums {
    /// What a file has, and what comes beside that.
    pub fn load(file: &Path) -> Self {
        let sums = read(file).into_iter().collect();
        Sums { file: Some(file.to_owned()), known: Mutex::new(Known { sums, ..Known::default() }) }
    }

    /// Where they are kept, for people.
    pub(super) fn place(&self) -> String {
        self.file.as_ref().map_or("memory".to_owned(), |file| file.display().to_string())
    }

    /// A sum, if it is known.
    pub fn get(&self, key: &SumKey) -> Option<Option<Sum>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = known.sums.get(key).copied()?;
        known.use_of(key);
        Some(sum)
    }

    /// Remembers a sum.
    pub fn put(&self, key: SumKey, sum: Option<Sum>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.is_new |= known.sums.insert(key, sum) != Some(sum);
        known.use_of(&key);
    }

    /// Writes what came into the file, beside what others wrote there meanwhile. What was asked for last is kept longest. A failure is no
    /// error: the work is done again next time.
    pub fn save(&self) {
        let Some(file) = &self.file else { return };
        let records = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if !std::mem::take(&mut known.is_new) {
                return;
            }
            let others = read(file).into_iter().filter(|(key, _)| !known.is_used.contains(key));
            let used = known.used.iter().rev().filter_map(|key| Some((*key, *known.sums.get(key)?)));
            used.chain(others).take(MOST).collect::<Vec<_>>()
        };
        let _ = cache_file::write(file, &encode(&records));
    }
}

impl Known {
    fn use_of(&mut self, key: &SumKey) {
        if self.is_used.insert(*key) {
            self.used.push(*key);
        }
    }
}

/// The key of what a rule chooses in a directory.
pub fn key(directory: &[u8; 32], rule: &[u8]) -> SumKey {
    let mut hasher = blake3::Hasher::new_derive_key("werf sum of chosen files v1");
    hasher.update(directory).update(rule);
    *hasher.finalize().as_bytes()
}

fn encode(records: &[(SumKey, Option<Sum>)]) -> Vec<u8> {
    let mut body = Vec::with_capacity(RECORD * records.len());
    for (key, sum) in records {
        body.extend_from_slice(key);
        body.push(u8::from(sum.is_some()));
        body.extend_from_slice(&sum.unwrap_or_default());
    }
    [HEAD, blake3::hash(&body).as_bytes(), &body].concat()
}

/// The sums in a file, the newest first; none if there is no such file or it is not as it was written.
fn read(file: &Path) -> Vec<(SumKey, Option<Sum>)> {
    let whole = std::fs::read(file).unwrap_or_default();
    decode(&whole).unwrap_or_default()
}

fn decode(whole: &[u8]) -> Option<Vec<(SumKey, Option<Sum>)>> {
    let (check, body) = whole.strip_prefix(HEAD)?.split_at_checked(CHECK)?;
    if blake3::hash(body).as_bytes()[..] != *check {
        return None;
    }
    let (records, rest) = body.as_chunks::<RECORD>();
    let record = |record: &[u8; RECORD]| {
        let (key, sum) = (record[..32].try_into().ok()?, record[33..].try_into().ok()?);
        Some((key, (record[32] == 1).then_some(sum)))
    };
    rest.is_empty().then(|| records.iter().map(record).collect::<Option<_>>())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: usize) -> SumKey {
        key(&[0; 32], &number.to_le_bytes())
    }

    fn with(file: &Path, numbers: impl IntoIterator<Item = usize>) {
        let sums = Sums::load(file);
        numbers.into_iter().for_each(|number| sums.put(numbered(number), Some(numbered(number))));
        sums.save();
    }

    fn has(file: &Path, number: usize) -> bool {
        Sums::load(file).get(&numbered(number)) == Some(Some(numbered(number)))
    }

    #[test]
    fn sums_are_there_in_the_next_run() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("sums/shop");
        let sums = Sums::load(&file);
        sums.save();
        assert!(!file.exists(), "nothing new, nothing written");
        sums.put(numbered(1), Some([1; 32]));
        sums.put(numbered(2), None);
        sums.save();
        let sums = Sums::load(&file);
        assert_eq!([1, 2, 3].map(|number| sums.get(&numbered(number))), [Some(Some([1; 32])), Some(None), None]);
        std::fs::remove_file(&file).unwrap();
        sums.put(numbered(1), Some([1; 32]));
        sums.save();
        assert!(!file.exists(), "what was known is not new");
    }

    #[test]
    fn a_file_that_is_not_as_it_was_written_counts_for_nothing() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("sums");
        with(&file, 0..3);
        let whole = std::fs::read(&file).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&file, &whole[..length]).unwrap();
            assert!(!has(&file, 0), "cut to {length} bytes");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&file, damaged).unwrap();
            assert!(!has(&file, 0), "another byte at {at}");
        }
        with(&file, [7]);
        assert!(has(&file, 7) && !has(&file, 0), "the next run begins anew");
    }

    #[test]
    fn runs_at_the_same_time_keep_what_each_other_wrote() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("sums");
        let (one, two) = (Sums::load(&file), Sums::load(&file));
        one.put(numbered(1), Some(numbered(1)));
        two.put(numbered(2), Some(numbered(2)));
        one.save();
        two.save();
        assert!(has(&file, 1) && has(&file, 2));
        std::thread::scope(|scope| {
            (10..30).for_each(|number| {
                drop(scope.spawn({
                    let file = &file;
                    move || with(file, [number])
                }))
            })
        });
        let kept = (10..30).filter(|number| has(&file, *number)).count();
        assert!(kept > 0 && decode(&std::fs::read(&file).unwrap()).is_some(), "some may be lost, the file is whole");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn the_file_keeps_what_was_asked_for_last() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("sums");
        with(&file, 0..MOST);
        let sums = Sums::load(&file);
        assert!(sums.get(&numbered(0)).is_some());
        (MOST..MOST + 100).for_each(|number| sums.put(numbered(number), Some(numbered(number))));
        sums.save();
        assert_eq!(decode(&std::fs::read(&file).unwrap()).unwrap().len(), MOST);
        assert!(has(&file, 0) && has(&file, MOST) && has(&file, MOST + 99) && has(&file, MOST - 1));
        assert!(!has(&file, 1), "it came first and nobody asked for it");
    }
}
