//! Primes for RSA keys.
//!
//! Most of the work for a key is to test numbers that are not prime. A sieve strikes out those with a small divisor first, so that a
//! third is left of what the `rsa` crate 0.9 would test; nearly all of these fail a test to base 2 that is ours, and what passes is tested
//! as the crate tests it (Miller-Rabin, of `num-bigint-dig`). All processors look for one prime; which one is found does not depend on them.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use num_bigint_dig::BigUint;
use num_bigint_dig::prime::probably_prime_miller_rabin;

use super::fermat;

/// Divisors that are struck out.
const SMALL: usize = 1 << 16;
/// Odd numbers that are looked at from each beginning: some primes are among them for the sizes of keys.
const WINDOW: usize = 1 << 12;
/// Tests by Miller-Rabin with random bases, which FIPS 186-5 (table B.1) wants for primes of 1024 bits; fewer are enough for longer ones.
const ROUNDS: usize = 5;
/// More threads than this gain nothing: so many numbers are tested for one prime.
const MOST_THREADS: usize = 8;

/// A prime of this many bits (a multiple of 8, at least 32), whose two highest bits are set, so that the product of two has all bits.
///
/// `fill` gives random bytes; it decides the prime.
pub fn prime(bits: usize, mut fill: impl FnMut(&mut [u8])) -> BigUint {
    loop {
        let mut bytes = vec![0; bits / 8];
        fill(&mut bytes);
        bytes[0] |= 0xC0;
        bytes[bits / 8 - 1] |= 1;
        if let Some(prime) = next(&BigUint::from_bytes_be(&bytes)).filter(|prime| prime.bits() == bits) {
            return prime;
        }
    }
}

/// The first prime from an odd number on, if one is near.
fn next(start: &BigUint) -> Option<BigUint> {
    let struck = struck(start);
    let candidates: Vec<BigUint> = (0..WINDOW).filter(|at| !struck[*at]).map(|at| start + 2 * at as u64).collect();
    let (next, found) = (AtomicUsize::new(0), AtomicUsize::new(candidates.len()));
    let look = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            // those before what was found are all being tested
            if at >= found.load(Ordering::Relaxed) {
                break;
            }
            if is_prime(&candidates[at]) {
                found.fetch_min(at, Ordering::Relaxed);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    std::thread::scope(|scope| {
        // a thread that cannot be had is missed by nobody
        let _others: Vec<_> = (1..threads).map(|_| std::thread::Builder::new().spawn_scoped(scope, look)).collect();
        look();
    });
    candidates.into_iter().nth(found.into_inner())
}

fn is_prime(candidate: &BigUint) -> bool {
    // without optimisation the library's test is the faster one
    (cfg!(debug_assertions) || fermat::passes(candidate)) && probably_prime_miller_rabin(candidate, ROUNDS, true)
}

/// Which of `start`, `start + 2`, `start + 4`, … have a small divisor.
fn struck(start: &BigUint) -> Vec<bool> {
    static DIVISORS: LazyLock<Vec<u32>> = LazyLock::new(divisors);
    let mut struck = vec![false; WINDOW];
    for &divisor in DIVISORS.iter() {
        let rest = (start % divisor).to_bytes_le().iter().rev().fold(0u32, |rest, byte| rest << 8 | u32::from(*byte));
        // `rest + 2 * at` is a multiple; (divisor + 1) / 2 is the inverse of 2
        let first = u64::from((divisor - rest) % divisor) * u64::from(divisor.div_ceil(2)) % u64::from(divisor);
        (first as usize..WINDOW).step_by(divisor as usize).for_each(|at| struck[at] = true);
    }
    struck
}

/// The odd primes below [`SMALL`].
fn divisors() -> Vec<u32> {
    let mut is_prime = vec![true; SMALL];
    for number in 2..SMALL {
        if is_prime[number] {
            (number * number..SMALL).step_by(number).for_each(|multiple| is_prime[multiple] = false);
        }
    }
    (3..SMALL).filter(|number| is_prime[*number]).map(|number| number as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_prime(number: u64) -> bool {
        (2..).take_while(|divisor| divisor * divisor <= number).all(|divisor| !number.is_multiple_of(divisor))
    }

    #[test]
    fn the_next_prime_is_found() {
        for start in [4_000_000_001u64, 3_221_225_473, 4_294_967_197, 4_294_901_761, 65_537 * 65_521] {
            let expected = (start..).step_by(2).find(|number| is_prime(*number)).map(BigUint::from);
            assert_eq!(next(&BigUint::from(start)), expected, "{start}");
        }
    }

    #[test]
    fn primes_have_all_their_bits() {
        for bits in [32, 64, 256, 512] {
            let mut seed = 0u8;
            let prime = prime(bits, |bytes| {
                seed += 1;
                bytes.fill(if seed == 1 { 0xff } else { seed });
            });
            assert_eq!(prime.bits(), bits);
            assert!(num_bigint_dig::prime::probably_prime(&prime, 20));
            assert_eq!(&prime >> (bits - 2), BigUint::from(3u8));
        }
    }
}
