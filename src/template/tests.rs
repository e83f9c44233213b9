//! Rows of (template, what Go 1.26's `text/template` makes of it), over one data set and a handful of functions.
//!
//! `zero.jsonl` holds rows under Helm's missing-key rule, `invalid.jsonl` those that differ under Go's default, `random.jsonl` random
//! texts, most of them wrong, and `printf.jsonl` random formats with random operands.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use super::call::{FunctionError, Nanoseconds, Rest, Scope, Table, Time};
use super::host::NoHost;
use super::lexer::Delimiters;
use super::value::{Entries, Kind, List, Map, MapType, Object, Str, Value};
use super::{ExecError, Failure, Limits, Options, Templates, TplDefinitions};
use miette::Diagnostic;

const DATA: &str = include_str!("tests/data.json");

/// A pointer to a struct with fields and methods.
#[derive(Debug)]
struct Thing;

impl Object for Thing {
    fn type_name(&self) -> &'static str {
        "*main.Thing"
    }
    fn kind(&self) -> Kind {
        Kind::Ptr
    }
    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Name" => Some("obj".into()),
            "Inner" => Some(Map::from_iter([("k", Value::int(1))]).into()),
            "None" => Some(Value::Nil),
            _ => None,
        }
    }
    fn text(&self) -> String {
        "thing:obj".into()
    }
}

fn data() -> Value {
    let plain = Value::from_json(&serde_json::from_str(DATA).unwrap());
    let values = plain.as_map().unwrap().retyped(MapType::Named { name: "main.Values", elem: super::value::Elem::Any });
    let when: jiff::Zoned = "2024-02-29T12:30:15.12+00:00[UTC]".parse().unwrap();
    let entries: [(&str, Value); 5] = [
        ("Values", values.into()),
        ("Obj", Arc::new(Thing).into()),
        ("Plain", plain),
        ("Dur", Value::Duration(90_000_000_000)),
        ("When", when.into()),
    ];
    Map::from_iter(entries).into()
}

fn table() -> Table {
    let mut table = Table::new();
    table.add("dict", |pairs: Rest<Value>| {
        let map: Entries = pairs.chunks(2).filter(|pair| pair.len() == 2).map(|pair| (pair[0].to_text(), pair[1].clone())).collect();
        Map::with_type(map, MapType::Any)
    });
    table.add("list", |items: Rest<Value>| items.0);
    table.add("set", |map: Map, key: Str, value: Value| {
        map.insert(key, value);
        map
    });
    table.add("upper", |text: Str| text.letters().to_uppercase());
    table.add("trunc", |count: isize, text: Str| match usize::try_from(count) {
        Ok(count) if text.len() > count => Str::from_slice(&text.as_bytes()[..count]),
        _ => text,
    });
    table.add("i64", |number: i64| number);
    table.add("until", |count: isize| (0..count).collect::<Vec<isize>>());
    table.add("strs", |items: Rest<Str>| List::strings(items));
    table.add("smap", || Map::with_type(Entries::from([("k".into(), "v".into())]), MapType::String));
    table.add("float", |number: f64| number);
    table.add("nothing", || Value::Nil);
    table.add("id", |value: Value| value);
    table.add("fails", |text: Str| Err::<String, _>(FunctionError::from(format!("failed with {}", text.shown()))));
    table.add("bytes", |text: Str| Value::Bytes(text.as_bytes().into()));
    table.add("u64", |number: i64| Value::Int(number, super::value::IntKind::Uint64));
    table.add("flag", |flag: bool| format!("flag {flag}"));
    table.add("maplen", |map: Map| map.len() as isize);
    table.add("listlen", |list: List| list.len() as isize);
    table.add("typeOf", |value: Value| value.type_name().into_owned());
    table.add("default", |default: Value, given: Rest<Value>| match given.first() {
        None | Some(Value::Nil) => default,
        Some(Value::String(text)) if text.is_empty() => default,
        Some(other) => other.clone(),
    });
    table.add("fail", |text: Str| Err::<String, _>(FunctionError::Refused(text.shown().into_owned())));
    table.add_scoped("include", |scope: &mut dyn Scope, name: Str, data: Value| scope.include(&name, data));
    table.add_scoped("tpl", |scope: &mut dyn Scope, text: Str, data: Value| scope.tpl(&text, data));
    table.method("main.Values", "AsMap", |values: Map| values);
    table.method("main.Values", "Pick", |values: Map, key: Str| values.get_bytes(key.as_bytes()));
    table.method("*main.Thing", "Greet", |_: Value, name: Str| format!("hello {}", name.shown()));
    table.method("*main.Thing", "Sum", |_: Value, first: isize, rest: Rest<isize>| first + rest.iter().sum::<isize>());
    table.method("*main.Thing", "Fail", |_: Value| Err::<String, _>(FunctionError::from("thing is broken")));
    table.method("*main.Thing", "String", |_: Value| "thing:obj");
    table.method("time.Duration", "Seconds", |duration: Nanoseconds| duration.0 as f64 / 1e9);
    table.method("time.Time", "Year", |time: Time| time.0.year() as isize);
    table
}

static TABLE: LazyLock<Arc<Table>> = LazyLock::new(|| Arc::new(table()));

fn render_with(text: &str, options: Options) -> Result<String, String> {
    let mut templates = Templates::new(TABLE.clone(), options);
    templates.parse("x.yaml", text).map_err(|error| error.to_string())?;
    let text = templates.execute("x.yaml", &data(), &NoHost).map_err(|error| error.to_string())?;
    Ok(text.letters().into_owned())
}

fn check_rows(rows: &str, options: impl Fn() -> Options) {
    let mut differing = String::new();
    let mut count = 0;
    for row in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let text = row["text"].as_str().unwrap();
        let expected = match row["error"].as_str() {
            Some(error) => Err(error.replace("HELM_ERR_START", "").replace("HELM_ERR_END", "")),
            None => Ok(row["output"].as_str().unwrap_or("").to_owned()),
        };
        let got = render_with(text, options());
        count += 1;
        if got != expected {
            let _ = writeln!(differing, "--- {text}\n  want {expected:?}\n  got  {got:?}");
        }
    }
    assert!(count > 0);
    assert!(differing.is_empty(), "{differing}");
}

#[test]
fn renders_as_go_with_zero_for_missing_keys() {
    check_rows(include_str!("tests/zero.jsonl"), Options::helm);
}

#[test]
fn renders_as_go_with_no_value_for_missing_keys() {
    let options = || Options { tpl_definitions: TplDefinitions::Inside, ..Options::go("gotpl") };
    check_rows(include_str!("tests/invalid.jsonl"), options);
}

#[test]
fn answers_random_texts_as_go() {
    check_rows(include_str!("tests/random.jsonl"), Options::helm);
}

/// A value as `printf.jsonl` writes it: kind and content.
fn typed(row: &serde_json::Value) -> Value {
    let content = &row["v"];
    let text = content.as_str().unwrap_or("");
    match row["k"].as_str().unwrap() {
        "string" => text.into(),
        "float" => Value::Float(text.parse().unwrap()),
        "int" => Value::int(text.parse().unwrap()),
        "int64" => Value::int64(text.parse().unwrap()),
        "uint64" => Value::Int(text.parse().unwrap(), super::value::IntKind::Uint64),
        "bool" => Value::Bool(content.as_bool().unwrap()),
        "bytes" => Value::Bytes(text.as_bytes().into()),
        "list" => Value::from(content.as_array().unwrap().iter().map(typed).collect::<Vec<_>>()),
        "map" => content.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), typed(value))).collect::<Map>().into(),
        _ => Value::Nil,
    }
}

fn check_printf(rows: &str) {
    let mut differing = String::new();
    for row in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let arguments: Vec<Value> = row["args"].as_array().unwrap().iter().map(typed).collect();
        let output = super::format::sprintf(row["format"].as_str().unwrap().as_bytes(), &arguments);
        let got = String::from_utf8_lossy(&output);
        if got != row["output"].as_str().unwrap() {
            let _ = writeln!(differing, "{:?} {arguments:?}\n  want {:?}\n  got  {got:?}", row["format"], row["output"]);
        }
    }
    assert!(differing.is_empty(), "{differing}");
}

#[test]
fn prints_as_go() {
    check_printf(include_str!("tests/printf.jsonl"));
}

fn fail_of(files: &[(&str, &str)], name: &str, options: Options) -> ExecError {
    let mut templates = Templates::new(TABLE.clone(), options);
    for (file, text) in files {
        templates.parse(file, text).unwrap();
    }
    *templates.execute(name, &data(), &NoHost).unwrap_err()
}

fn set_of(files: &[(&str, &str)]) -> Templates {
    let mut templates = Templates::new(TABLE.clone(), Options::helm());
    for (file, text) in files {
        templates.parse(file, text).unwrap();
    }
    templates
}

#[test]
fn a_nil_pointer_names_the_missing_key_and_its_neighbours() {
    let text = "a: b\nimage: {{ .Values.map.c.dd.tag }}\n";
    let failure = Failure::from(fail_of(&[("chart/templates/x.yaml", text)], "chart/templates/x.yaml", Options::helm()));
    assert_eq!(
        failure.error().to_string(),
        "template: chart/templates/x.yaml:2:17: executing \"chart/templates/x.yaml\" at <.Values.map.c.dd.tag>: \
         nil pointer evaluating interface {}.tag"
    );
    assert_eq!(failure.to_string(), "cannot render chart/templates/x.yaml: nil pointer evaluating interface {}.tag");
    let help = failure.help().unwrap().to_string();
    assert_eq!(help, "`.Values.map.c.dd` is not set; did you mean `d`? keys of `.Values.map.c` are d");
    assert_eq!(labelled(&failure, text), ".Values.map.c.dd.tag");
}

fn labelled<'t>(failure: &Failure, text: &'t str) -> &'t str {
    let label = failure.labels().unwrap().next().unwrap();
    &text[label.offset()..label.offset() + label.len()]
}

#[test]
fn a_failure_inside_shows_the_inner_line_and_the_chain() {
    let helpers = "{{ define \"inner\" }}\n  {{ .s | fails }}\n{{ end }}\n{{ define \"outer\" }}{{ include \"inner\" . }}{{ end }}";
    let error = fail_of(&[("_h.tpl", helpers), ("x.yaml", "a\n{{ include \"outer\" .Values | upper }}")], "x.yaml", Options::helm());
    let places: Vec<String> = error.places().iter().map(|place| format!("{} {}", place.location(), place.template())).collect();
    assert_eq!(places, ["x.yaml:2:3 x.yaml", "_h.tpl:4:23 outer", "_h.tpl:2:10 inner"]);
    assert_eq!(error.message(), "error calling fails: failed with text");
    assert_eq!(error.partial(), "a\n");
    let failure = Failure::from(error);
    assert_eq!(labelled(&failure, helpers), "fails");
    assert_eq!(
        failure.help().unwrap().to_string(),
        "`.s` is of type string\nincluded from _h.tpl:4:24 by `include \"inner\" .`\nincluded from x.yaml:2:4 by `include \"outer\" .Values`"
    );
}

#[test]
fn a_refusal_collapses_to_the_place_and_the_words_of_the_author() {
    let files = [("_h.tpl", "{{ define \"check\" }}{{ fail \"set a password\" }}{{ end }}"), ("x.yaml", "\n {{ include \"check\" . }}")];
    let error = fail_of(&files, "x.yaml", Options::helm());
    assert_eq!(error.refusal(), Some("set a password"));
    assert_eq!(error.helm_text(), "execution error at (x.yaml:2:4): set a password");
}

#[test]
fn a_text_that_is_no_template_is_refused_with_its_line() {
    let error = set_of(&[]).parse_only("x.yaml", "a\n{{ if }}\n").unwrap_err();
    assert_eq!((error.to_string(), error.line()), ("template: x.yaml:2: missing value for if".to_owned(), 2));
    assert_eq!(error.helm_text(), "parse error at (x.yaml:2): missing value for if");
}

#[test]
fn recursion_without_end_is_an_error() {
    let included =
        fail_of(&[("x.yaml", "{{ define \"r\" }}{{ include \"r\" . }}{{ end }}{{ include \"r\" . }}")], "x.yaml", Options::helm());
    assert_eq!(included.message(), "error calling include: rendering template has a nested reference name: r: unable to execute template");
    assert_eq!(included.places().len(), 1002);
    let named =
        fail_of(&[("x.yaml", "{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}")], "x.yaml", Options::helm());
    assert_eq!(named.message(), "exceeded maximum template depth (100000)");
    let endless: Value = Map::from_iter([("self", "{{ tpl .self . }}")]).into();
    let error = set_of(&[("x.yaml", "{{ tpl .self . }}")]).execute("x.yaml", &endless, &NoHost).unwrap_err();
    assert_eq!(error.message(), "error calling tpl: templates are nested more than 4000 levels deep");
}

#[test]
fn work_and_output_are_bounded() {
    let bounded = |text: &str, limits: Limits| {
        let options = Options { limits, ..Options::helm() };
        fail_of(&[("x.yaml", text)], "x.yaml", options).message()
    };
    let steps = Limits { steps: 1000, ..Limits::default() };
    assert_eq!(bounded("{{ range 1000000000 }}a{{ end }}", steps), "template runs without end: more than 1000 steps");
    let output = Limits { output: 1000, ..Limits::default() };
    assert_eq!(bounded("{{ range 1000000000 }}abcdef{{ end }}", output), "output exceeds 1000 bytes");
    for empty in ["{{ range 1000000000000 }}{{ end }}", "{{ range 1000 }}{{ range 1000 }}{{ end }}{{ end }}"] {
        assert_eq!(bounded(empty, steps), "template runs without end: more than 1000 steps");
    }
    let text = Limits { text: 1000, ..Limits::default() };
    let doubling = "{{ $s := \"ab\" }}{{ range 40 }}{{ $s = print $s $s }}{{ end }}";
    assert_eq!(bounded(doubling, text), "error calling print: the result has 1024 bytes, more than the 1000 allowed");
    assert_eq!(bounded("{{ printf \"%2000d\" 1 }}", text), "error calling printf: the result has 2000 bytes, more than the 1000 allowed");
    let list = Limits { list: 1000, ..Limits::default() };
    assert_eq!(bounded("{{ until 1001 }}", list), "error calling until: the result has 1001 elements, more than the 1000 allowed");
}

/// Nesting that a template makes step by step has no bound but the steps; nothing that walks over it may exhaust the stack.
#[test]
fn values_may_be_nested_deeper_than_any_stack() {
    let deep = |wrap: &str| {
        format!("{{{{ $d := 1 }}}}{{{{ $e := 1 }}}}{{{{ range 100000 }}}}{{{{ $d = {wrap} $d }}}}{{{{ $e = {wrap} $e }}}}{{{{ end }}}}")
    };
    for wrap in ["list", "dict \"a\""] {
        assert!(render_with(&format!("{}{{{{ print $d }}}}", deep(wrap)), Options::helm()).unwrap().len() < 10_000, "{wrap}");
    }
    let mut value = Value::int(1);
    for _ in 0..100_000 {
        value = Map::from_iter([("a", Value::List(List::any(vec![value])))]).into();
    }
    assert_eq!(value.to_json().to_string().matches('a').count(), super::value::MAX_DEPTH / 2 + 1);
    let circle = || {
        let map = Map::new();
        map.insert("me", map.clone());
        Value::Map(map)
    };
    assert!(!circle().deep_equal(&circle()));
    assert!(!value.deep_equal(&Value::List(List::any(vec![value.clone()]))));
}

#[test]
fn a_map_that_holds_itself_prints_to_an_end() {
    assert!(render_with("{{ $_ := set .Values.map \"me\" .Values.map }}{{ .Values.map }}", Options::helm()).unwrap().contains("..."));
}

#[test]
fn of_two_definitions_the_later_stays_unless_it_is_blank() {
    let set = set_of(&[
        ("a", "{{ define \"x\" }}one{{ end }}"),
        ("b", "{{ define \"x\" }}two{{ end }}"),
        ("c", "{{ define \"x\" }} \n {{ end }}"),
        ("d", "{{ template \"x\" }}"),
    ]);
    assert_eq!(set.execute("d", &data(), &NoHost).unwrap().as_str(), Some("two"));
}

#[test]
fn what_tpl_defines_is_shared_only_where_asked_for() {
    let text = "{{ $_ := tpl \"{{ define \\\"n\\\" }}N{{ end }}\" . }}{{ include \"n\" . }}";
    let shared = Options { tpl_definitions: TplDefinitions::Shared, ..Options::helm() };
    assert_eq!(render_with(text, shared), Ok("N".into()));
    assert!(render_with(text, Options::helm()).unwrap_err().contains("no template \"n\" associated with template \"gotpl\""));
}

#[test]
fn delimiters_can_be_others() {
    let options = Options { delimiters: Delimiters { left: "[[".into(), right: "]]".into() }, ..Options::helm() };
    assert_eq!(render_with("{{ x }} [[- .Values.s -]] ! [[ index .Values.list 0 ]]", options), Ok("{{ x }}text! a".into()));
}

#[test]
fn output_knows_the_line_that_wrote_it() {
    let set = set_of(&[("x.yaml", "a: 1\n{{ range .Values.list }}\n- {{ . }}{{ end }}\n{{ .missing }}end: {{ .Values.s }}\n")]);
    let (text, trace) = set.execute_traced("x.yaml", &data(), &NoHost).unwrap();
    let text = text.letters();
    let line_of = |needle: &str| trace.writers(&text, text.find(needle).unwrap())[0].line();
    assert_eq!([line_of("a: 1"), line_of("b"), line_of("c"), line_of("end"), line_of("text")], [1, 3, 3, 4, 4]);
}

#[test]
fn output_knows_the_includes_that_wrote_it() {
    let helpers = "{{ define \"in\" }}\none: 1\ntwo: {{ .Values.s }}{{ end }}{{ define \"out\" }}{{ include \"in\" . }}\nthree: 3{{ end }}";
    let set = set_of(&[("_h.tpl", helpers), ("x.yaml", "a:\n  {{- include \"out\" . | printf `  %s` }}\n")]);
    let (text, trace) = set.execute_traced("x.yaml", &data(), &NoHost).unwrap();
    let text = text.letters();
    let chain = |needle: &str| -> Vec<String> {
        let writers = trace.writers(&text, text.find(needle).unwrap());
        let told = |writer: &super::Writer| {
            let (text, span) = writer.excerpt();
            format!("{}:{} {}", writer.file(), writer.line(), &text[span])
        };
        writers.iter().map(told).collect()
    };
    let outer = "x.yaml:2 {{- include \"out\" . | printf `  %s` }}";
    assert_eq!(chain("a:"), ["x.yaml:1 a:"]);
    assert_eq!(chain("one"), [outer, "_h.tpl:3 {{ include \"in\" . }}", "_h.tpl:2 one: 1"]);
    assert_eq!(chain("text"), [outer, "_h.tpl:3 {{ include \"in\" . }}", "_h.tpl:3 {{ .Values.s }}"]);
    assert_eq!(chain("three"), [outer, "_h.tpl:4 three: 3"]);
}

#[test]
fn helm_4_shows_one_paragraph_for_each_level() {
    let files = [("_h.tpl", "{{ define \"in\" }}{{ .map.zz.y }}{{ end }}"), ("x.yaml", "{{ include \"in\" .Values }}")];
    let error = fail_of(&files, "x.yaml", Options::helm());
    assert_eq!(
        error.helm4_text(),
        "x.yaml:1:3\n  executing \"x.yaml\" at <include \"in\" .Values>:\n    error calling include:\n\
         _h.tpl:1:24\n  executing \"in\" at <.map.zz.y>:\n    nil pointer evaluating interface {}.y"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(100))]
    #[test]
    fn no_text_makes_it_panic(words in proptest::collection::vec("\\{\\{-? ?|-?\\}\\}| |\\.|\\$x|:=|=|\\||\\(|\\)|\"é\"|`|'ä'|1e|0x|if |range |with |end|else|define |block |nil|eq |printf |/\\*|\\*/|\\PC", 0..24)) {
        let _ = render_with(&words.concat(), Options::helm());
    }
}
