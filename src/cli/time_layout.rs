//! Go's layouts of times, `2006-01-02T15:04:05Z07:00`, as `strftime` has them.

/// Parts of layouts, the longer one first where one begins with the other.
const PARTS: &[(&str, &str)] = &[
    ("January", "%B"),
    ("Jan", "%b"),
    ("Monday", "%A"),
    ("Mon", "%a"),
    ("MST", "%Z"),
    ("2006", "%Y"),
    ("Z07:00", "%:z"),
    ("-07:00", "%:z"),
    ("Z0700", "%z"),
    ("-0700", "%z"),
    (".000000000", ".%9f"),
    (".000000", ".%6f"),
    (".000", ".%3f"),
    ("01", "%m"),
    ("02", "%d"),
    ("03", "%I"),
    ("04", "%M"),
    ("05", "%S"),
    ("06", "%y"),
    ("15", "%H"),
    ("_2", "%e"),
    ("PM", "%p"),
    ("%", "%%"),
];

/// A layout for `strftime`.
///
/// # Errors
/// Nothing in it stands for a part of a time.
pub fn strftime(layout: &str) -> Result<String, String> {
    let (mut format, mut rest, mut known) = (String::new(), layout, 0);
    while let Some(first) = rest.chars().next() {
        match PARTS.iter().find_map(|(part, code)| Some((rest.strip_prefix(part)?, code))) {
            Some((after, code)) => {
                known += usize::from(**code != *"%%");
                format += code;
                rest = after;
            }
            None => {
                format.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    match known {
        0 => Err("it has no part of a time; write it as Go does, such as `15:04:05` or `2006-01-02T15:04:05Z07:00`".into()),
        _ => Ok(format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_of_go() {
        for (layout, format) in [
            ("2006-01-02T15:04:05Z07:00", "%Y-%m-%dT%H:%M:%S%:z"),
            ("Mon, 02 Jan 2006 15:04:05.000 MST", "%a, %d %b %Y %H:%M:%S.%3f %Z"),
            ("03:04 PM 100 %", "%I:%M %p 100 %%"),
        ] {
            assert_eq!(strftime(layout).as_deref(), Ok(format));
        }
        assert!(strftime("%H:%M").is_err());
        let zoned: jiff::Zoned = "2026-11-28T00:10:05+01:00[+01:00]".parse().unwrap();
        assert_eq!(zoned.strftime(&strftime("Monday, January _2 06 -0700").unwrap()).to_string(), "Saturday, November 28 26 +0100");
    }
}
