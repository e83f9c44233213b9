//! What `tpl` has parsed before, by its text.
//!
//! Charts put the same few texts to `tpl` over and over, and some a new one at each turn of a loop. Two generations keep the former and
//! let go of the latter: what nobody asked for while a generation filled up is forgotten with the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::parser::Parsed;
use super::value::Str;

/// Texts of one generation.
const GENERATION: usize = 256;

/// Parsed texts; shared by clones of a set of templates.
#[derive(Debug, Default)]
pub(super) struct Texts(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Str, Arc<Parsed>>,
    old: HashMap<Str, Arc<Parsed>>,
}

impl Texts {
    /// What a text was parsed to, if that is still known.
    pub(super) fn get(&self, text: &Str) -> Option<Arc<Parsed>> {
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parsed) = generations.young.get(text) {
            return Some(parsed.clone());
        }
        let (text, parsed) = generations.old.remove_entry(text)?;
        generations.keep(text, parsed.clone());
        Some(parsed)
    }

    /// Remembers what a text was parsed to.
    pub(super) fn insert(&self, text: &Str, parsed: Arc<Parsed>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(text.clone(), parsed);
    }
}

impl Generations {
    fn keep(&mut self, text: Str, parsed: Arc<Parsed>) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(text, parsed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_let_go() {
        let texts = Texts::default();
        let parsed = Arc::new(Parsed::default());
        texts.insert(&"often".into(), parsed.clone());
        for n in 0..10_000 {
            texts.insert(&n.to_string().into(), parsed.clone());
            assert!(texts.get(&"often".into()).is_some(), "after {n}");
        }
        assert!(texts.get(&"0".into()).is_none());
        let known = (0..10_000).filter(|n| texts.get(&n.to_string().into()).is_some()).count();
        assert!((1..=2 * GENERATION).contains(&known), "{known}");
    }
}
