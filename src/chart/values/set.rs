//! The grammar of `--set`, `--set-string`, `--set-file`, `--set-json` and `--set-literal`.
//!
//! `a.b=1,list[0].name=x,words={one,two}`: dots nest, brackets index, braces hold a list, `\` quotes the next character. In `--set`,
//! `true`, `false`, `null` and whole numbers without a leading zero are typed (as integers: `1.5` stays text). `--set-json` takes JSON
//! after `=`, `--set-literal` takes the rest as it is. Follows Helm 3, whose sequence of the settings of one text is left to right.

use serde_json::{Map, Value};

use crate::chart::files::model::Values;

const MAX_INDEX: usize = 65_536;
const MAX_NESTING: usize = 30;
/// How deep lists may be nested in one setting. Helm has no bound; values that are nested deeper would be of no use to a template.
const MAX_LISTS: usize = 500;

/// How the text after `=` becomes a value.
pub enum Form<'a> {
    /// `--set`.
    Typed,
    /// `--set-string`.
    Text,
    /// `--set-json`.
    Json,
    /// `--set-literal`.
    Literal,
    /// `--set-file`: the text is a path, and this reads it: the text that stands for the file's bytes.
    File(&'a dyn Fn(&str) -> Result<String, String>),
}

/// What is wrong with a setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum SetError {
    #[error("key \"{0}\" has no value")]
    NoValue(String),
    #[error("key \"{0}\" has no value (cannot end with ,)")]
    EndsWithComma(String),
    #[error("key map \"{0}\" has no value")]
    EmptyMap(String),
    #[error("value name nested level is greater than maximum supported nested level of {MAX_NESTING}")]
    TooDeep,
    #[error("lists are nested deeper than {MAX_LISTS} levels")]
    ListsTooDeep,
    #[error("error parsing index: `{0}` is no whole number")]
    BadIndex(String),
    #[error("error parsing index: `]` is missing")]
    UnclosedIndex,
    #[error("negative {0} index not allowed")]
    NegativeIndex(i64),
    #[error("index of {0} is greater than maximum supported index of {MAX_INDEX}")]
    IndexTooLarge(i64),
    #[error("unexpected data at end of array index: \"{0}\"")]
    AfterIndex(String),
    #[error("list must terminate with '}}'")]
    OpenList,
    #[error("`{0}` is not a map, so nothing can be set inside it")]
    NotMap(String),
    #[error("`{0}` is not a list, so it has no index")]
    NotList(String),
    #[error("invalid JSON: {0}")]
    Json(String),
    #[error("cannot read `{path}`: {reason}")]
    File { path: String, reason: String },
}

/// Applies one text of settings to a table.
pub fn set(text: &str, form: &Form<'_>, into: &mut Values) -> Result<(), SetError> {
    let mut parser = Parser { rest: text, form, lists: 0 };
    while let Next::More = parser.key(into, 0)? {
        parser.lists = 0;
    }
    Ok(())
}

#[derive(PartialEq)]
enum Next {
    More,
    End,
}

struct Parser<'t, 'f> {
    rest: &'t str,
    form: &'f Form<'f>,
    /// Lists that the present setting has entered.
    lists: usize,
}

impl Parser<'_, '_> {
    fn key(&mut self, data: &mut Values, nesting: usize) -> Result<Next, SetError> {
        let stops: &[char] = if self.is_literal() { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        let (key, stop) = self.until(stops);
        match stop {
            None if key.is_empty() => Ok(Next::End),
            None => Err(SetError::NoValue(key)),
            Some('[') => {
                let index = self.index()?;
                let mut list = match data.get_mut(&key) {
                    None => Vec::new(),
                    Some(Value::Array(list)) => std::mem::take(list),
                    Some(_) => return Err(SetError::NotList(key)),
                };
                let next = self.item(&mut list, index, nesting)?;
                assign(data, key, Value::Array(list));
                Ok(next)
            }
            Some('=') => {
                let (value, next) = self.value()?;
                assign(data, key, value);
                Ok(next)
            }
            Some(',') => Err(SetError::EndsWithComma(key)),
            Some(_) => {
                if nesting >= MAX_NESTING {
                    return Err(SetError::TooDeep);
                }
                let (mut inner, existed) = match data.get_mut(&key) {
                    None => (Map::new(), false),
                    Some(Value::Object(inner)) => (std::mem::take(inner), true),
                    Some(_) => return Err(SetError::NotMap(key)),
                };
                let next = self.key(&mut inner, nesting + 1)?;
                if inner.is_empty() && next == Next::More {
                    return Err(SetError::EmptyMap(key));
                }
                if !inner.is_empty() || existed {
                    assign(data, key, Value::Object(inner));
                }
                Ok(next)
            }
        }
    }

    fn item(&mut self, list: &mut Vec<Value>, index: i64, nesting: usize) -> Result<Next, SetError> {
        if index < 0 {
            return Err(SetError::NegativeIndex(index));
        }
        self.lists += 1;
        if self.lists > MAX_LISTS {
            return Err(SetError::ListsTooDeep);
        }
        let place = usize::try_from(index).ok().filter(|&place| place <= MAX_INDEX).ok_or(SetError::IndexTooLarge(index))?;
        let (text, stop) = self.until(&['[', '.', '=']);
        if !text.is_empty() {
            return Err(SetError::AfterIndex(text));
        }
        let value = match stop {
            None => return Ok(Next::End),
            Some('=') => self.value()?.0,
            Some('[') => {
                let next = self.index()?;
                let mut inner = match list.get_mut(place) {
                    None | Some(Value::Null) => Vec::new(),
                    Some(Value::Array(inner)) => std::mem::take(inner),
                    Some(_) => return Err(SetError::NotList(format!("[{index}]"))),
                };
                if self.item(&mut inner, next, nesting)? == Next::End {
                    return Ok(Next::End);
                }
                Value::Array(inner)
            }
            Some(_) => {
                let mut inner = match list.get_mut(place) {
                    Some(Value::Object(inner)) => std::mem::take(inner),
                    _ => Map::new(),
                };
                if self.key(&mut inner, nesting)? == Next::End && inner.is_empty() {
                    return Ok(Next::End);
                }
                Value::Object(inner)
            }
        };
        if list.len() <= place {
            list.resize(place + 1, Value::Null);
        }
        list[place] = value;
        Ok(Next::More)
    }

    /// What follows `=`.
    fn value(&mut self) -> Result<(Value, Next), SetError> {
        if self.is_literal() {
            let text = std::mem::take(&mut self.rest).to_owned();
            return Ok((Value::String(crate::chart::files::numbers::standing_for_bytes(text)), Next::More));
        }
        if matches!(self.form, Form::Json) {
            return self.json().map(|value| (value, Next::More));
        }
        if self.rest.is_empty() {
            return Ok((Value::String(String::new()), Next::End));
        }
        if let Some(rest) = self.rest.strip_prefix('{') {
            self.rest = rest;
            return self.braces().map(|list| (Value::Array(list), Next::More));
        }
        let (text, _) = self.until(&[',']);
        Ok((self.convert(text)?, Next::More))
    }

    fn braces(&mut self) -> Result<Vec<Value>, SetError> {
        let mut list = Vec::new();
        loop {
            let (text, stop) = self.until(&[',', '}']);
            match stop {
                None => return Err(SetError::OpenList),
                Some(',') => list.push(self.convert(text)?),
                Some(_) => {
                    self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                    list.push(self.convert(text)?);
                    return Ok(list);
                }
            }
        }
    }

    fn json(&mut self) -> Result<Value, SetError> {
        if self.skip_blank() {
            return Ok(Value::Null);
        }
        let mut stream = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        let value = stream.next().unwrap_or(Ok(Value::Null)).map_err(|error| SetError::Json(error.to_string()))?;
        self.rest = &self.rest[stream.byte_offset()..];
        self.skip_blank();
        Ok(crate::chart::files::numbers::with_float_numbers(value))
    }

    /// Skips white space and one comma; true where a comma or the end was reached.
    fn skip_blank(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(',') {
            Some(rest) => self.rest = rest,
            None => return self.rest.is_empty(),
        }
        true
    }

    fn convert(&self, text: String) -> Result<Value, SetError> {
        Ok(match self.form {
            Form::Typed => typed(text),
            Form::File(read) => Value::String(read(&text).map_err(|reason| SetError::File { path: text, reason })?),
            Form::Text | Form::Json | Form::Literal => Value::String(text),
        })
    }

    fn index(&mut self) -> Result<i64, SetError> {
        let (text, stop) = self.until(&[']']);
        stop.ok_or(SetError::UnclosedIndex)?;
        text.parse().map_err(|_| SetError::BadIndex(text))
    }

    /// Takes text up to one of the stops, which is consumed; `None` at the end of the input.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut taken = String::new();
        let mut letters = self.rest.chars();
        let stop = loop {
            match letters.next() {
                None => break None,
                Some(letter) if stops.contains(&letter) => break Some(letter),
                Some('\\') if !self.is_literal() => taken.extend(letters.next()),
                Some(letter) => taken.push(letter),
            }
        };
        self.rest = letters.as_str();
        (crate::chart::files::numbers::standing_for_bytes(taken), stop)
    }

    fn is_literal(&self) -> bool {
        matches!(self.form, Form::Literal)
    }
}

fn assign(data: &mut Values, key: String, value: Value) {
    if !key.is_empty() {
        data.insert(key, value);
    }
}

fn typed(text: String) -> Value {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") {
        return true.into();
    }
    if is("false") {
        return false.into();
    }
    if is("null") {
        return Value::Null;
    }
    if text == "0" {
        return 0.into();
    }
    match text.parse::<i64>() {
        Ok(number) if !text.starts_with('0') => number.into(),
        _ => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, form: &Form<'_>) -> Result<String, String> {
        let mut values = Values::new();
        set(text, form, &mut values).map_err(|error| error.to_string())?;
        Ok(Value::Object(values).to_string())
    }

    /// Expectations come from `helm3 template` 3.22.0 over a chart that prints `toJson .Values`.
    #[test]
    fn settings_are_read_as_helm_reads_them() {
        let read = |path: &str| if path == "f" { Ok("text\n".to_owned()) } else { Err("no such file".to_owned()) };
        let (typed, text, json, literal, file) = (Form::Typed, Form::Text, Form::Json, Form::Literal, Form::File(&read));
        let cases: &[(&Form<'_>, &str, Result<&str, &str>)] = &[
            (&typed, "a=1", Ok(r#"{"a":1}"#)),
            (&typed, "a=1.5,b=0,c=007,d=-3,e=TRUE,f=null,g=", Ok(r#"{"a":"1.5","b":0,"c":"007","d":-3,"e":true,"f":null,"g":""}"#)),
            (&typed, "a.b.c=x", Ok(r#"{"a":{"b":{"c":"x"}}}"#)),
            (&typed, r"a\.b=x\,y", Ok(r#"{"a.b":"x,y"}"#)),
            (&typed, "a={x,1,true}", Ok(r#"{"a":["x",1,true]}"#)),
            (&typed, "a={}", Ok(r#"{"a":[""]}"#)),
            (&typed, "a={x},b=y", Ok(r#"{"a":["x"],"b":"y"}"#)),
            (&typed, "a[0]=x,a[2].b=y", Ok(r#"{"a":["x",null,{"b":"y"}]}"#)),
            (&typed, "a[0][1]=x", Ok(r#"{"a":[[null,"x"]]}"#)),
            (&typed, "a[0].b={x,y}", Ok(r#"{"a":[{"b":["x","y"]}]}"#)),
            (&typed, "a=b=c", Ok(r#"{"a":"b=c"}"#)),
            (&typed, "a=1,", Ok(r#"{"a":1}"#)),
            (&typed, "", Ok("{}")),
            (&typed, "=1", Ok("{}")),
            (&typed, ".a=1", Ok("{}")),
            (&typed, "a.", Ok("{}")),
            (&typed, "a[0]", Ok(r#"{"a":[]}"#)),
            (&typed, "a[0].", Ok(r#"{"a":[]}"#)),
            (&typed, "a[0]=1,a[0].b=2", Ok(r#"{"a":[{"b":2}]}"#)),
            (&typed, "a={x}y=,b=2", Ok(r#"{"a":["x"],"b":2,"y":""}"#)),
            (&typed, "a={x}y,b=2", Err(r#"key "y" has no value (cannot end with ,)"#)),
            (&typed, "a[0", Err("error parsing index: `]` is missing")),
            (&typed, "a", Err(r#"key "a" has no value"#)),
            (&typed, "a,b=1", Err(r#"key "a" has no value (cannot end with ,)"#)),
            (&typed, "a.=1", Err(r#"key map "a" has no value"#)),
            (&typed, "a={x", Err("list must terminate with '}'")),
            (&typed, "a[-1]=x", Err("negative -1 index not allowed")),
            (&typed, "a[70000]=x", Err("index of 70000 is greater than maximum supported index of 65536")),
            (&typed, "a[x]=x", Err("error parsing index: `x` is no whole number")),
            (&typed, "a[0]x=1", Err(r#"unexpected data at end of array index: "x""#)),
            (&typed, "a=1,a.b=2", Err("`a` is not a map, so nothing can be set inside it")),
            (&typed, "a=1,a[0]=2", Err("`a` is not a list, so it has no index")),
            (&text, "a=1,b=true,c={1,2}", Ok(r#"{"a":"1","b":"true","c":["1","2"]}"#)),
            (&json, r#"a={"x":[1,2.5]}, b=null ,c="s""#, Ok(r#"{" b":null,"a":{"x":[1.0,2.5]},"c":"s"}"#)),
            (&json, "a=,b=1", Ok(r#"{"a":null,"b":1.0}"#)),
            (&json, "l[1]=true", Ok(r#"{"l":[null,true]}"#)),
            (&literal, r"a.b=x,y=z\n{", Ok(r#"{"a":{"b":"x,y=z\\n{"}}"#)),
            (&literal, "a[1]=x", Ok(r#"{"a":[null,"x"]}"#)),
            (&file, "a.b=f", Ok(r#"{"a":{"b":"text\n"}}"#)),
            (&file, "a=g", Err("cannot read `g`: no such file")),
        ];
        for (form, input, expected) in cases {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(run(input, form), expected, "{input}");
        }
        assert_eq!(run(&format!("{}a=1", "a.".repeat(31)), &typed), Err(SetError::TooDeep.to_string()));
        assert!(run(&format!("{}a=1", "a.".repeat(30)), &typed).is_ok());
    }

    /// Once a stack overflow.
    #[test]
    fn nested_indexes_end() {
        for chain in ["[0]", "[0].b"] {
            let (fits, deep) = (format!("a{}=1", chain.repeat(500)), format!("a{}=1", chain.repeat(40_000)));
            assert!(run(&fits, &Form::Typed).is_ok());
            assert_eq!(run(&deep, &Form::Typed), Err(SetError::ListsTooDeep.to_string()));
        }
        let many = "a[0]=1,".repeat(600);
        assert_eq!(run(&many, &Form::Typed).as_deref(), Ok(r#"{"a":[1]}"#));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"([a-c0-9=,.\[\]{}\\" ]|\[[0-9]{1,5}\]|\PC){0,40}"#) {
            for form in [Form::Typed, Form::Text, Form::Json, Form::Literal] {
                let _ = run(&text, &form);
            }
        }
    }
}
