//! Jinja, the second language: `.j2` files over the values, the functions and the gates of Go templates.
//!
//! What is ours, where minijinja leaves a choice: an undefined value is an error wherever it is used; truth prints `true`, null prints
//! nothing, lists and maps have no text; nothing is escaped; space around tags stays unless `-` takes it, as in Go, and so does the last
//! newline.
//!
//! A template runs on a thread of its own, since minijinja's functions can hold no borrowed gates: functions that need the engine send a
//! [`functions::Call`] to the thread that waits, which serves it by its [`Scope`].

mod failure;
mod functions;
mod tilde;
mod value;

use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Value as JinjaValue};
use minijinja::{Environment, OutputSpanKind, UndefinedBehavior};

use self::failure::{File, Sources};
use self::functions::{CONTEXT, Message, SERVICE, Service};
use self::tilde::Readable;
use self::value::{Shared, to_jinja};
use super::ast::Source;
use super::call::{Scope, Table};
use super::error::{ExecError, ParseError};
use super::set::Limits;
use super::trace::Trace;
use super::value::Value;

/// Steps of one file: each instruction is one, and so are 64 bytes of text that it makes.
const FUEL: u64 = 20_000_000;

/// How long a template may neither end nor call a function. Steps bound all but sums of sums of lists, whose work minijinja puts off.
const SILENCE: Duration = Duration::from_secs(60);

/// Stack of a template's thread. It is reserved, not used, until it is needed.
const STACK: usize = 128 << 20;

/// A file of this language.
#[derive(Clone, Copy, Debug)]
pub struct JinjaFile<'a> {
    /// The name that it is executed by: `shop/templates/web.yaml.j2`.
    pub name: &'a str,
    /// What the names in `include`, `import` and `extends` are relative to: `shop/templates`. No file outside of it can be named.
    pub folder: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// The templates of this language, parsed.
pub(super) struct Jinja {
    environment: Environment<'static>,
    sources: Sources,
    shared: Arc<Shared>,
}

impl fmt::Debug for Jinja {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sources.keys()).finish()
    }
}

impl Jinja {
    /// Parses files; the problems of all of them come together.
    pub(super) fn parse(files: &[JinjaFile<'_>], table: &Arc<Table>, limits: Limits) -> Result<Self, Vec<ParseError>> {
        let shared = Arc::new(Shared { table: table.clone(), limits, missed: Mutex::default() });
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        environment.set_syntax(syntax.unwrap_or_default());
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        tilde::register(&mut environment);
        environment.set_fuel(Some(FUEL));
        environment.set_debug(true);
        let folders: Vec<(String, String)> = files.iter().map(|file| (file.name.to_owned(), file.folder.to_owned())).collect();
        environment.set_path_join_callback(move |name, parent| {
            let folder = folders.iter().find(|(file, _)| file == parent).map_or("", |(_, folder)| folder);
            format!("{folder}/{}", name.trim_start_matches("./")).into()
        });
        functions::register(&mut environment, &shared);

        let mut sources = Sources::new();
        let mut problems = Vec::new();
        for file in files {
            let source = Arc::new(Source::new(file.name, file.text.as_bytes()));
            let readable = Readable::new(file.text);
            let added = environment.add_template_owned(file.name.to_owned(), readable.text.clone());
            let file = File { source, readable, folder: file.folder.into() };
            problems.extend(added.err().map(|error| failure::syntax(&error, &file)));
            sources.insert(file.source.name.clone(), file);
        }
        if problems.is_empty() { Ok(Jinja { environment, sources, shared }) } else { Err(problems) }
    }

    /// The names of all templates.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.sources.keys()
    }

    /// Whether there is a template of this name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.sources.contains_key(name)
    }

    /// Executes a template; `scope` serves the functions that need the engine.
    pub(super) fn execute(
        self: &Arc<Self>,
        scope: &mut dyn Scope,
        name: &str,
        data: &Value,
        trace: Option<&mut Trace>,
    ) -> Result<String, Box<ExecError>> {
        let without_place = |problem: &str| Box::new(ExecError::without_place(format!("template: {name}: {problem}")));
        let (sender, messages) = channel();
        let thread = std::thread::Builder::new().name("template".into()).stack_size(STACK);
        let (jinja, file, data, is_traced) = (self.clone(), name.to_owned(), data.clone(), trace.is_some());
        let run = move || {
            let result = jinja.run(&file, &data, &sender, is_traced);
            // nobody waits where the serving thread has given up
            let _ = sender.send(Message::Done(result));
        };
        thread.spawn(run).map_err(|_| without_place("there is no thread to run it"))?;
        let (text, own) = loop {
            match messages.recv_timeout(SILENCE) {
                Ok(Message::Call(call)) => call.serve(scope),
                Ok(Message::Done(result)) => break result?,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(without_place(&format!("runs without end: no step ended in {} seconds", SILENCE.as_secs())));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(without_place("its thread died")),
            }
        };
        if let Some(trace) = trace {
            *trace = own;
        }
        Ok(text)
    }

    fn run(&self, name: &str, data: &Value, calls: &Sender<Message>, is_traced: bool) -> Result<(String, Trace), Box<ExecError>> {
        let failed = |error| Box::new(failure::execution(&error, &self.sources, &self.shared, data));
        let template = self.environment.get_template(name).map_err(failed)?;
        let root = Root { data: to_jinja(data.clone(), &self.shared), service: JinjaValue::from_object(Service(calls.clone())) };
        let root = JinjaValue::from_object(root);
        if is_traced {
            let (text, spans) = template.render_with_spans(root).map_err(failed)?;
            let mut trace = Trace::default();
            for span in spans {
                if let Some(file) = self.sources.get(span.name()) {
                    let at = file.readable.written(span.source_range().start);
                    trace.begin(span.output_range().start, &file.source, at, span.kind() == OutputSpanKind::Raw);
                }
            }
            return Ok((text, trace));
        }
        let mut output = Bounded { bytes: Vec::new(), limit: self.shared.limits.output };
        let result = template.render_captured_to(root, &mut output).map(drop);
        let is_full = output.bytes.len() >= output.limit;
        let text = String::from_utf8(output.bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        match result {
            Ok(()) => Ok((text, Trace::default())),
            Err(_) if is_full => {
                Err(Box::new(ExecError::without_place(format!("template: {name}: output exceeds {} bytes", output.limit))))
            }
            Err(error) => {
                let mut error = failed(error);
                error.partial = Some(text);
                Err(error)
            }
        }
    }
}

/// What templates see: the entries of their data, the data as a whole, and the way out.
#[derive(Debug)]
struct Root {
    data: JinjaValue,
    service: JinjaValue,
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &JinjaValue) -> Option<JinjaValue> {
        match key.as_str()? {
            CONTEXT => Some(self.data.clone()),
            SERVICE => Some(self.service.clone()),
            name => self.data.get_attr(name).ok().filter(|value| !value.is_undefined()),
        }
    }
}

/// Output up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.limit.saturating_sub(self.bytes.len());
        if room < bytes.len() {
            self.bytes.extend_from_slice(&bytes[..room]);
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
