//! The program that answers for the real engines, one question after another.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use werf::template::value::{Elem, IntKind, Value};

/// The answer where the engine does not survive the question.
pub const DEATH: &str = "the engine died";

/// A running oracle; it ends with its handle.
pub struct Oracle {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts one, built if it is not there.
    pub fn start() -> Self {
        static PROGRAM: OnceLock<String> = OnceLock::new();
        let program = PROGRAM.get_or_init(|| {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed/oracle.sh");
            let built = Command::new(script).output().expect("bash runs");
            assert!(built.status.success(), "the oracle cannot be built:\n{}", String::from_utf8_lossy(&built.stderr));
            String::from_utf8_lossy(&built.stdout).trim().to_owned()
        });
        let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
        let questions = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Oracle { child, questions, answers }
    }

    /// What an engine (`helm3`, `helm4`) makes of a template over these values, or says against it.
    pub fn helm(&mut self, engine: &str, text: &str, values: &Value) -> Result<String, String> {
        self.ask(&json!({ "engine": engine, "text": text, "values": typed(values) }))
    }

    /// The same for a template of any bytes, whose text is told byte for byte.
    pub fn helm_bytes(&mut self, engine: &str, text: &[u8], values: &Value) -> Result<Vec<u8>, String> {
        self.ask_bytes(&json!({ "engine": engine, "raw": STANDARD.encode(text), "values": typed(values) }))
    }

    /// What `text/template` makes of it with the functions and the data of `src/template/tests.rs`.
    pub fn go(&mut self, text: &str, values: &Value, missing: &str) -> Result<String, String> {
        self.ask(&json!({ "engine": "go", "text": text, "values": typed(values), "missing": missing }))
    }

    /// What `fmt.Sprintf` prints.
    pub fn printf(&mut self, format: &str, operands: &Value) -> String {
        self.printf_typed(format, &typed(operands))
    }

    /// The same for operands that are written as the oracle reads them.
    pub fn printf_typed(&mut self, format: &str, operands: &Json) -> String {
        self.ask(&json!({ "engine": "printf", "text": format, "values": operands })).expect("printf never fails")
    }

    fn ask(&mut self, question: &Json) -> Result<String, String> {
        self.ask_bytes(question).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn ask_bytes(&mut self, question: &Json) -> Result<Vec<u8>, String> {
        writeln!(self.questions, "{question}").expect("the oracle listens");
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).expect("the oracle answers");
        if read == 0 {
            // the stack overflows where a value holds itself: Helm dies too
            *self = Oracle::start();
            return Err(DEATH.to_owned());
        }
        let answer: Json = serde_json::from_str(&line).expect("JSON");
        let bytes = |part: &Json| STANDARD.decode(part.as_str()?).ok();
        match bytes(&answer["Error"]) {
            Some(error) => Err(String::from_utf8_lossy(&error).into_owned()),
            None => Ok(bytes(&answer["Output"]).unwrap_or_default()),
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A value as the oracle reads it: kind and content.
fn typed(value: &Value) -> Json {
    let (kind, content) = match value {
        Value::Nil => ("nil", Json::Null),
        Value::Bool(is) => ("bool", json!(is)),
        Value::Int(number, IntKind::Int) => ("int", json!(number.to_string())),
        Value::Int(number, IntKind::Uint64) => ("uint64", json!(number.cast_unsigned().to_string())),
        Value::Int(number, _) => ("int64", json!(number.to_string())),
        Value::Float(number) => ("float", json!(format!("{number:e}"))),
        Value::String(text) => match text.as_str() {
            Some(text) => ("string", json!(text)),
            None => ("raw", json!(STANDARD.encode(text.as_bytes()))),
        },
        Value::Bytes(bytes) => ("bytes", json!(std::str::from_utf8(bytes).expect("UTF-8"))),
        Value::List(list) if list.elem() == Elem::String => ("strings", list.items().iter().map(|item| json!(item.as_str())).collect()),
        Value::List(list) => ("list", list.items().iter().map(typed).collect()),
        Value::Map(map) => (
            "map",
            Json::Object(map.entries().iter().map(|(key, value)| (key.as_str().expect("UTF-8").to_owned(), typed(value))).collect()),
        ),
        other => panic!("{} cannot be told", other.type_name()),
    };
    json!({ "k": kind, "v": content })
}
