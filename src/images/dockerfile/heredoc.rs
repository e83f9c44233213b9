//! Here-documents: which words of a line begin one, and under which name.
//!
//! A mark is a shell word `[n]<<[-]NAME`, blanks before the name allowed. `<<` within quotes, `<<<` and a name of two words are none.

use super::words;

/// A here-document.
#[derive(Clone, Debug, PartialEq)]
pub struct Heredoc {
    /// Its delimiter, which is also the file's name in COPY and ADD.
    pub name: String,
    /// Its lines as they are, each with its end; what `<<-` takes off is still there.
    pub body: String,
    /// Whether variables in it are substituted: the delimiter has no quotes.
    pub expand: bool,
    /// `<<-`: tabs at the beginning of lines do not count.
    pub tabs: bool,
}

impl Heredoc {
    /// Whether a line, without its end, closes it.
    pub(super) fn ends_at(&self, line: &str) -> bool {
        let line = if self.tabs { line.trim_start_matches('\t') } else { line };
        line == self.name
    }
}

/// The here-documents that a whole instruction announces, in the order of their marks and without bodies.
///
/// # Errors
/// A sentence for people: a name whose quotes are not closed.
pub(super) fn marks(line: &str) -> Result<Vec<Heredoc>, String> {
    if !line.contains("<<") {
        return Ok(Vec::new());
    }
    words::raw(line).iter().filter_map(|word| mark(word).transpose()).collect()
}

/// The here-document that one word announces.
///
/// # Errors
/// As [`marks`].
pub(super) fn mark(word: &str) -> Result<Option<Heredoc>, String> {
    let Some(rest) = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<") else { return Ok(None) };
    let (tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let rest = rest.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']);
    if rest.contains('<') {
        return Ok(None);
    }
    let [name] = &words::unexpanded(rest, false)?[..] else { return Ok(None) };
    let written = words::unexpanded(rest, true)?;
    let quotes = |text: &str| text.matches(['\'', '"']).count();
    let expand = written.first().is_none_or(|written| quotes(written) == quotes(name));
    Ok(Some(Heredoc { name: name.clone(), body: String::new(), expand, tabs }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_mark() {
        for (line, expect) in [
            ("RUN cat <<EOF", "EOF+"),
            ("RUN cat << EOF >/a", "EOF+"),
            ("RUN cat <<-EOF", "-EOF+"),
            ("RUN cat <<- EOF", ""),
            ("RUN cat <<'EOF' <<\"E2\" 3<<E3", "EOF E2 E3+"),
            ("RUN cat <<E'O'F", "EOF"),
            ("RUN cat <<EOF>/a", "EOF>/a+"),
            ("RUN cat <<<EOF", ""),
            ("RUN cat \"<<EOF\"", ""),
            ("RUN cat '<<EOF", ""),
            ("RUN $((1 << 2))", "2))+"),
            ("RUN a<<EOF", ""),
            ("RUN cat <<\"A B\"", "A B"),
            ("RUN cat <<A\\ B", "A B+"),
            ("RUN cat <<\"\"", ""),
            ("RUN cat <<", ""),
            ("RUN cat <<$x", "$x+"),
            ("RUN cat < <EOF", ""),
        ] {
            let found = marks(line).unwrap();
            let show = |one: &Heredoc| format!("{}{}{}", if one.tabs { "-" } else { "" }, one.name, if one.expand { "+" } else { "" });
            assert_eq!(found.iter().map(show).collect::<Vec<_>>().join(" "), expect, "{line}");
        }
    }
}
