//! Choices from a list of random numbers. Smaller and fewer numbers give simpler choices, so that proptest can shrink what is made of them.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The numbers of one case.
#[derive(Debug)]
pub struct Dice<'n> {
    numbers: std::slice::Iter<'n, u32>,
}

impl<'n> Dice<'n> {
    /// Dice that fall as these numbers say, and on the first side when they are used up.
    pub fn new(numbers: &'n [u32]) -> Self {
        Dice { numbers: numbers.iter() }
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        let number = u64::from(*self.numbers.next().unwrap_or(&0));
        ((number * sides as u64) >> 32) as usize
    }

    /// Whether one of so many throws is a hit; never when the numbers are used up.
    pub fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) + 1 == sides
    }

    /// One of these.
    pub fn pick<'t, T: ?Sized>(&mut self, sides: &[&'t T]) -> &'t T {
        sides[self.roll(sides.len())]
    }

    /// Up to `most` parts, joined.
    pub fn join(&mut self, most: usize, between: &str, mut part: impl FnMut(&mut Self) -> String) -> String {
        let count = self.roll(most + 1);
        (0..count).map(|_| part(self)).collect::<Vec<_>>().join(between)
    }
}

/// Cases where nobody asks for more.
const CASES: u32 = 1500;

/// Puts cases of up to `most` choices to a check, which says what differs. `PROPTEST_CASES` asks for so many new
/// ones; without it they are always the same.
pub fn each(most: usize, mut differs: impl FnMut(&mut Dice<'_>) -> Option<String>) {
    let config = |cases| Config { failure_persistence: None, ..Config::with_cases(cases) };
    let mut runner = match std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()) {
        Some(cases) => TestRunner::new(config(cases)),
        None => TestRunner::new_with_rng(config(CASES), TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let differs = RefCell::new(&mut differs);
    let result =
        runner.run(&prop::collection::vec(any::<u32>(), 0..most), |numbers| match (differs.borrow_mut())(&mut Dice::new(&numbers)) {
            Some(difference) => Err(TestCaseError::fail(difference)),
            None => Ok(()),
        });
    result.unwrap_or_else(|error| panic!("{error}"));
}
