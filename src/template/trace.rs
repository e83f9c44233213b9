//! Which part of which template wrote a rendered text: recorded on demand, since it is wanted only after a failure.
//!
//! The text of an `include` or `tpl` may be changed before it is written (`nindent`, `quote`), so its lines are found again by what
//! stands in them.

use std::sync::Arc;

use super::ast::Source;
use super::set::NO_VALUE;
use super::value::Str;

/// What wrote a text, in the order of the text.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    writes: Vec<Write>,
    /// Offsets at which `<no value>` stood before it was removed.
    removed: Vec<usize>,
}

/// A node that was executed, and where it began to write.
#[derive(Clone, Debug)]
struct Write {
    start: usize,
    source: Arc<Source>,
    offset: usize,
    /// Whether it copies the template's text as it stands.
    is_text: bool,
    calls: Vec<Call>,
}

/// What an `include` or `tpl` gave while a node was executed.
#[derive(Clone, Debug)]
struct Call {
    text: Str,
    trace: Trace,
}

/// A place in a template that wrote a part of a text.
#[derive(Clone, Debug)]
pub struct Writer {
    pub(super) source: Arc<Source>,
    pub(super) offset: usize,
    is_text: bool,
}

impl Writer {
    /// The name that the template's text was parsed under, usually its file.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// Whether it is an action of a template of Go.
    pub fn is_action(&self) -> bool {
        self.source.text[self.span()].starts_with("{{")
    }

    /// The template's text for people, and the bytes of it to point at.
    pub fn excerpt(&self) -> (String, std::ops::Range<usize>) {
        let (text, span) = self.source.shown(self.span());
        (text.into_owned(), span)
    }

    /// Line, from 1.
    pub fn line(&self) -> usize {
        self.source.place(self.offset).0
    }

    /// The bytes of the template to point at: an action with its braces, or the rest of a line of text.
    fn span(&self) -> std::ops::Range<usize> {
        let text = &*self.source.text;
        let offset = self.offset.min(text.len());
        let line_start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
        if self.is_text {
            let tag = ["{{", "{%"].iter().filter_map(|brace| text[offset..line_end].find(brace)).min();
            let end = tag.map_or(line_end, |at| offset + at);
            let end = offset + text[offset..end].trim_end().len();
            return offset..end.max((offset + 1).min(text.len()));
        }
        let start = text[line_start..offset].rfind("{{").map_or(offset, |at| line_start + at);
        let end = text[offset..line_end].find("}}").map_or(line_end, |at| offset + at + 2);
        start..end
    }
}

impl Trace {
    pub(super) fn begin(&mut self, start: usize, source: &Arc<Source>, offset: usize, is_text: bool) {
        self.writes.push(Write { start, source: source.clone(), offset, is_text, calls: Vec::new() });
    }

    /// Notes what an include gave to the node that is being executed.
    pub(super) fn called(&mut self, text: Str, trace: Trace) {
        if let Some(write) = self.writes.last_mut() {
            write.calls.push(Call { text, trace });
        }
    }

    pub(super) fn remove_no_values(&mut self, text: &str) {
        self.removed = text.match_indices(NO_VALUE).map(|(at, _)| at).collect();
    }

    /// The places that wrote the byte at `offset` of the text (of its [outline](super::value::Str::outline)): the outermost file's first,
    /// then those of the includes within.
    pub fn writers(&self, text: &str, offset: usize) -> Vec<Writer> {
        let mut found = Vec::new();
        self.collect(text, offset, &mut found);
        found
    }

    fn collect(&self, text: &str, offset: usize, found: &mut Vec<Writer>) {
        let raw =
            |offset: usize| self.removed.iter().fold(offset, |offset, at| if *at <= offset { offset + NO_VALUE.len() } else { offset });
        let wanted = raw(offset);
        let after = self.writes.partition_point(|write| write.start <= wanted);
        let Some(write) = self.writes[..after].last() else { return };
        let inside = if write.is_text { wanted - write.start } else { 0 };
        let at = (write.offset + inside).min(write.source.text.len());
        found.push(Writer { source: write.source.clone(), offset: at, is_text: write.is_text });

        let start = (0..=offset.min(text.len())).rev().find(|at| *at == 0 || raw(*at) <= write.start).unwrap_or(0);
        let end = self.writes.get(after).map_or(text.len(), |next| text.len().min(offset + (next.start - wanted)));
        let (Some(written), Some(before)) = (text.get(start..end), offset.checked_sub(start)) else { return };
        let Some((line, column, ordinal)) = line_at(written, before) else { return };
        for call in &write.calls {
            let inner = call.text.outline();
            if let Some(at) = nth_line(&inner, line, ordinal) {
                return call.trace.collect(&inner, at + column, found);
            }
        }
    }
}

/// The line around an offset without the space at its ends, how far into it the offset lies, and how many equal lines stand before it.
fn line_at(text: &str, offset: usize) -> Option<(&str, usize, usize)> {
    let start = text.get(..offset)?.rfind('\n').map_or(0, |at| at + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let trimmed = line.trim();
    let indent = line.len() - line.trim_start().len();
    let ordinal = text[..start].lines().filter(|other| other.trim() == trimmed).count();
    (!trimmed.is_empty()).then(|| (trimmed, (offset - start).saturating_sub(indent).min(trimmed.len() - 1), ordinal))
}

/// Where the line that holds just this begins, behind its indentation; of several the one with this number, or the last.
fn nth_line(text: &str, wanted: &str, ordinal: usize) -> Option<usize> {
    let lines = text.split_inclusive('\n').scan(0, |next, line| {
        let start = *next;
        *next += line.len();
        Some((start, line))
    });
    let found: Vec<usize> =
        lines.filter(|(_, line)| line.trim() == wanted).map(|(start, line)| start + line.len() - line.trim_start().len()).collect();
    found.get(ordinal).or(found.last()).copied()
}
