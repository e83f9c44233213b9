//! Semantic versions and constraints by the rules of Masterminds/semver 3.

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

use regex::Regex;

use crate::template::call::{FunctionError, ObjectType, Ref, Table};
use crate::template::format::quote;
use crate::template::value::{IntKind, Kind, Object, Str, Value};

const LONGEST_VERSION: usize = 256;
const LONGEST_CONSTRAINT: usize = 512;
const MOST_ALTERNATIVES: usize = 32;

pub(super) fn register(table: &mut Table) {
    table.add("semver", |text: Str| Version::parse(&text.shown()).map(Arc::new).map_err(FunctionError::from));
    table.add("semverCompare", |constraint: Str, version: Str| {
        let constraint = Constraint::parse(&constraint.shown())?;
        Ok::<_, FunctionError>(constraint.allows(&Version::parse(&version.shown())?))
    });
    for typ in [Version::NAME, "semver.Version"] {
        table.method(typ, "Major", |version: Ref<Version>| Value::Int(version.major as i64, IntKind::Uint64));
        table.method(typ, "Minor", |version: Ref<Version>| Value::Int(version.minor as i64, IntKind::Uint64));
        table.method(typ, "Patch", |version: Ref<Version>| Value::Int(version.patch as i64, IntKind::Uint64));
        table.method(typ, "Prerelease", |version: Ref<Version>| version.prerelease.clone());
        table.method(typ, "Metadata", |version: Ref<Version>| version.metadata.clone());
        table.method(typ, "Original", |version: Ref<Version>| version.original.clone());
        table.method(typ, "String", |version: Ref<Version>| version.text());
        table.method(typ, "Compare", |version: Ref<Version>, other: Ref<Version>| version.compare(&other) as isize);
        table.method(typ, "Equal", |version: Ref<Version>, other: Ref<Version>| version.compare(&other).is_eq());
        table.method(typ, "LessThan", |version: Ref<Version>, other: Ref<Version>| version.compare(&other).is_lt());
        table.method(typ, "LessThanEqual", |version: Ref<Version>, other: Ref<Version>| version.compare(&other).is_le());
        table.method(typ, "GreaterThan", |version: Ref<Version>, other: Ref<Version>| version.compare(&other).is_gt());
        table.method(typ, "GreaterThanEqual", |version: Ref<Version>, other: Ref<Version>| version.compare(&other).is_ge());
        table.method(typ, "IncMajor", |version: Ref<Version>| Arc::new(version.with(version.major.wrapping_add(1), 0, 0)));
        table.method(typ, "IncMinor", |version: Ref<Version>| Arc::new(version.with(version.major, version.minor.wrapping_add(1), 0)));
        table.method(typ, "IncPatch", |version: Ref<Version>| {
            // A prerelease is below its release, so the next patch of it is the release itself.
            let step = u64::from(version.prerelease.is_empty());
            Arc::new(version.with(version.major, version.minor, version.patch.wrapping_add(step)))
        });
    }
}

/// A version, read loosely: `v1.2` is 1.2.0.
#[derive(Clone, Debug)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number, 0 where it is not written.
    pub minor: u64,
    /// The third number, 0 where it is not written.
    pub patch: u64,
    /// What follows `-`, without it.
    pub prerelease: String,
    /// What follows `+`, without it.
    pub metadata: String,
    /// As it was written.
    pub original: String,
}

impl ObjectType for Version {
    const NAME: &'static str = "*semver.Version";
}

impl Object for Version {
    fn type_name(&self) -> &'static str {
        Version::NAME
    }

    fn kind(&self) -> Kind {
        Kind::Ptr
    }

    fn text(&self) -> String {
        let mut text = format!("{}.{}.{}", self.major, self.minor, self.patch);
        for (sign, part) in [('-', &self.prerelease), ('+', &self.metadata)] {
            if !part.is_empty() {
                text.push(sign);
                text.push_str(part);
            }
        }
        text
    }
}

impl Version {
    /// Reads a version; leading `v`, missing numbers and leading zeros are fine.
    pub fn parse(text: &str) -> Result<Version, String> {
        const INVALID: &str = "invalid semantic version";
        if text.len() > LONGEST_VERSION {
            return Err(format!("version string is too long (max {LONGEST_VERSION} bytes)"));
        }
        let mut rest = text.strip_prefix('v').unwrap_or(text);
        let mut numbers = [""; 3];
        for (at, number) in numbers.iter_mut().enumerate() {
            let digits = match (at, rest.strip_prefix('.')) {
                (0, _) => rest,
                (_, Some(digits)) => digits,
                (_, None) => break,
            };
            let end = digits.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(digits.len());
            if end == 0 {
                return Err(INVALID.to_owned());
            }
            *number = &digits[..end];
            rest = &digits[end..];
        }
        let (rest, metadata) = rest.split_once('+').map_or((rest, None), |(rest, metadata)| (rest, Some(metadata)));
        let prerelease = match rest.strip_prefix('-') {
            Some(prerelease) => Some(prerelease),
            None if rest.is_empty() => None,
            None => return Err(INVALID.to_owned()),
        };
        let identifier = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if ![prerelease, metadata].into_iter().flatten().all(|part| part.split('.').all(identifier)) {
            return Err(INVALID.to_owned());
        }
        let number = |digits: &str| match digits {
            "" => Ok(0),
            digits => digits
                .parse::<u64>()
                .map_err(|_| format!("error parsing version segment: strconv.ParseUint: parsing {}: value out of range", quote(digits))),
        };
        let [major, minor, patch] = numbers;
        let version = Version {
            major: number(major)?,
            minor: number(minor)?,
            patch: number(patch)?,
            prerelease: prerelease.unwrap_or("").to_owned(),
            metadata: metadata.unwrap_or("").to_owned(),
            original: text.to_owned(),
        };
        let leading_zero = |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit());
        if version.prerelease.split('.').any(leading_zero) {
            return Err("version segment starts with 0".to_owned());
        }
        Ok(version)
    }

    fn with(&self, major: u64, minor: u64, patch: u64) -> Version {
        let sign = if self.original.starts_with('v') { "v" } else { "" };
        let original = format!("{sign}{major}.{minor}.{patch}");
        Version { major, minor, patch, prerelease: String::new(), metadata: String::new(), original }
    }

    /// The order of precedence; metadata does not count.
    pub fn compare(&self, other: &Version) -> Ordering {
        let numbers = |version: &Version| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| compare_prerelease(&self.prerelease, &other.prerelease))
    }
}

fn compare_prerelease(one: &str, other: &str) -> Ordering {
    match (one.is_empty(), other.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut ours, mut theirs) = (one.split('.'), other.split('.'));
    loop {
        let order = match (ours.next(), theirs.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Alternatives (`||`) of conditions that hold together (`,` or a space).
#[derive(Clone, Debug)]
pub struct Constraint {
    alternatives: Vec<Vec<Condition>>,
}

#[derive(Clone, Debug)]
struct Condition {
    operator: Operator,
    version: Version,
    precision: Precision,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    TildeOrEqual,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// How much of the version was written, and not left out or given as `x`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Precision {
    Nothing,
    Major,
    Minor,
    Full,
}

struct Patterns {
    range: Regex,
    single: Regex,
    find: Regex,
    valid: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let version = r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";
    let operators = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
    let space = r"[\t\n\f\r ]";
    Some(Patterns {
        range: Regex::new(&format!(r"{space}*({version}){space}+-{space}+({version}){space}*")).ok()?,
        single: Regex::new(&format!(r"^{space}*({operators}){space}*({version}){space}*$")).ok()?,
        find: Regex::new(&format!(r"({operators}){space}*({version})")).ok()?,
        valid: Regex::new(&format!(
            r"^({space}*({operators}){space}*({version}){space}*)((?:{space}+|,{space}*)({operators}){space}*({version}){space}*)*$"
        ))
        .ok()?,
    })
});

impl Constraint {
    /// Reads a constraint such as `>=1.19-0 <2 || ^3.1`.
    pub fn parse(text: &str) -> Result<Constraint, String> {
        if text.len() > LONGEST_CONSTRAINT {
            return Err(format!("constraint string is too long (max {LONGEST_CONSTRAINT} bytes)"));
        }
        let Some(patterns) = PATTERNS.as_ref() else { return Err("constraint parser error".to_owned()) };
        let mut text = text.to_owned();
        for range in patterns.range.captures_iter(&text.clone()) {
            text = text.replacen(&range[0], &format!(">= {}, <= {} ", &range[1], &range[11]), 1);
        }
        let alternatives: Vec<&str> = text.split("||").collect();
        if alternatives.len() > MOST_ALTERNATIVES {
            return Err(format!("too many constraint groups (max {MOST_ALTERNATIVES})"));
        }
        let group = |text: &str| {
            if !patterns.valid.is_match(text) {
                return Err(format!("improper constraint: {}", quote(text)));
            }
            patterns.find.find_iter(text).map(|found| Condition::parse(found.as_str(), &patterns.single)).collect()
        };
        Ok(Constraint { alternatives: alternatives.into_iter().map(group).collect::<Result<_, _>>()? })
    }

    /// Whether a version fulfils the constraint. A prerelease only does where a condition beside it names one.
    pub fn allows(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|conditions| {
            let prereleases = conditions.iter().any(|condition| !condition.version.prerelease.is_empty());
            (prereleases || version.prerelease.is_empty()) && conditions.iter().all(|condition| condition.allows(version))
        })
    }
}

impl Condition {
    fn parse(text: &str, single: &Regex) -> Result<Condition, String> {
        let improper = || format!("improper constraint: {}", quote(text));
        let parts = single.captures(text).ok_or_else(improper)?;
        let part = |index: usize| parts.get(index).map_or("", |part| part.as_str());
        let operator = match part(1) {
            "" | "=" => Operator::TildeOrEqual,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterOrEqual,
            "<=" | "=<" => Operator::LessOrEqual,
            "~" | "~>" => Operator::Tilde,
            _ => Operator::Caret,
        };
        let open = |part: &str| matches!(part.trim_start_matches('.'), "" | "x" | "X" | "*");
        let (precision, written) = if open(part(3)) {
            (Precision::Nothing, format!("0.0.0{}", part(6)))
        } else if open(part(4)) {
            (Precision::Major, format!("{}.0.0{}", part(3), part(6)))
        } else if open(part(5)) {
            (Precision::Minor, format!("{}{}.0{}", part(3), part(4), part(6)))
        } else {
            (Precision::Full, part(2).to_owned())
        };
        let version = Version::parse(&written).map_err(|_| "constraint parser error".to_owned())?;
        Ok(Condition { operator, version, precision })
    }

    fn allows(&self, version: &Version) -> bool {
        let wanted = &self.version;
        let order = version.compare(wanted);
        let open = self.precision != Precision::Full;
        match self.operator {
            Operator::NotEqual => match self.precision {
                Precision::Full => order.is_ne(),
                Precision::Major => version.major != wanted.major,
                Precision::Nothing if version.major != wanted.major || version.minor != wanted.minor => true,
                Precision::Nothing => version.patch != wanted.patch || order.is_ne(),
                Precision::Minor if version.major != wanted.major || version.minor != wanted.minor => true,
                Precision::Minor => compare_prerelease(&version.prerelease, &wanted.prerelease).is_ne(),
            },
            Operator::Greater => match self.precision {
                Precision::Major => version.major > wanted.major,
                Precision::Minor => (version.major, version.minor) > (wanted.major, wanted.minor),
                Precision::Full | Precision::Nothing => order.is_gt(),
            },
            Operator::Less => order.is_lt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::LessOrEqual => match self.precision {
                Precision::Full => order.is_le(),
                Precision::Major => version.major <= wanted.major,
                Precision::Nothing | Precision::Minor => (version.major, version.minor) <= (wanted.major, wanted.minor),
            },
            Operator::Tilde => self.tilde(version),
            Operator::TildeOrEqual if open => self.tilde(version),
            Operator::TildeOrEqual => order.is_eq(),
            Operator::Caret => self.caret(version),
        }
    }

    fn tilde(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.compare(wanted).is_lt() {
            return false;
        }
        let zero = (wanted.major, wanted.minor, wanted.patch) == (0, 0, 0);
        if zero && matches!(self.precision, Precision::Nothing | Precision::Full) {
            return true;
        }
        version.major == wanted.major && (version.minor == wanted.minor || self.precision == Precision::Major)
    }

    fn caret(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.compare(wanted).is_lt() || version.major != wanted.major {
            return false;
        }
        if wanted.major > 0 || self.precision == Precision::Major {
            return true;
        }
        if wanted.minor > 0 || self.precision == Precision::Minor {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}
