//! Runs templates: Go's scoping, field, call and nil rules, with Go's messages.
//!
//! Every value in flight knows whether it is *boxed*: read from a container of `interface {}` and not yet passed on by a pipeline.
//! Go tells both apart: a field of a boxed nil is an error, a field of no value is no value; and messages name the boxed type.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::ast::{Block, Branch, Callee, Command, Node, NodeRef, Number, Operand, Pipe, Tree};
use super::builtin::{Argument, Builtin, truth, write_output};
use super::call::{Function, FunctionError, Scope, Type};
use super::error::{Cause, ExecError, Place};
use super::format::{quote, quote_bytes};
use super::hint::{self, Hint};
use super::host::Host;
use super::jinja::Jinja;
use super::set::{Layer, MissingKey, NO_VALUE, NoValue, Templates, TplDefinitions};
use super::stack::Stack;
use super::trace::Trace;
use super::value::{Elem, Map, MapType, Str, Value};
use crate::file_tree::{shown, text_of_bytes};
use crate::words::near::nearest;

/// Executes the template of this name; `trace` is told which node writes what.
pub(super) fn execute(
    templates: &Templates,
    name: &str,
    data: &Value,
    host: &dyn Host,
    trace: Option<&mut Trace>,
) -> Result<Str, Box<ExecError>> {
    let Some(tree) = templates.trees.get(name).cloned() else {
        let set = quote(&templates.options.name);
        return Err(Box::new(ExecError::without_place(format!("template: no template {} associated with template {set}", quote(name)))));
    };
    let mut machine = Machine::new(templates, host);
    machine.trace = trace.is_some().then(Trace::default);
    machine.data = Some(data);
    let result = machine.run(&tree, Slot::plain(data.clone()));
    let text = machine.finish(trace);
    match result {
        Ok(()) => Ok(text),
        Err(mut error) => {
            error.partial = Some(text.shown().into_owned());
            Err(error)
        }
    }
}

/// Executes a template of Jinja; what it asks of the engine is done here.
pub(super) fn execute_jinja(
    templates: &Templates,
    jinja: &Arc<Jinja>,
    name: &str,
    data: &Value,
    host: &dyn Host,
    trace: Option<&mut Trace>,
) -> Result<Str, Box<ExecError>> {
    jinja.execute(&mut Machine::new(templates, host), name, data, trace).map(Str::from)
}

/// How Go begins to say that a name is no field, and that a template is not there.
const NO_FIELD: &str = "can't evaluate field ";
const NO_TEMPLATE: &str = "template: no template ";

/// Go's limit of nested `template` actions.
const MAX_DEPTH: usize = 100_000;

/// How deep `include` and `tpl` may be nested, whatever their names: each level is one more in the chain of an error.
const MAX_NESTING: usize = 4000;

/// How often the two languages may include one another on the way to one place: each time takes a thread.
const MAX_LANGUAGES: usize = 50;

/// A value in flight.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// `None` is no value at all.
    value: Argument,
    /// Whether its static type is `interface {}`.
    boxed: bool,
}

impl Slot {
    const NONE: Slot = Slot { value: None, boxed: false };

    /// What a value is once it is taken out of its box: nil becomes no value.
    fn plain(value: Value) -> Self {
        Slot { value: Some(value).filter(|value| !value.is_nil()), boxed: false }
    }

    /// An element of a container with this element type.
    fn element(value: Value, elem: Elem) -> Self {
        Slot { value: Some(value), boxed: elem == Elem::Any }
    }

    fn unboxed(self) -> Self {
        if self.boxed { Slot { value: self.value.filter(|value| !value.is_nil()), boxed: false } } else { self }
    }

    fn type_name(&self) -> Cow<'static, str> {
        match &self.value {
            Some(value) if !self.boxed => value.type_name(),
            _ => "interface {}".into(),
        }
    }
}

/// One execution of one template: it has variables of its own and knows at which node it is.
struct Frame<'t> {
    tree: &'t Tree,
    at: NodeRef<'t>,
    variables: Vec<(&'t str, Slot)>,
}

/// What a node does to the loop around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

type Result<T, E = Box<ExecError>> = std::result::Result<T, E>;

struct Machine<'e> {
    templates: &'e Templates,
    host: &'e dyn Host,
    /// What the file is given, for advice.
    data: Option<&'e Value>,
    /// What names mean now; `tpl` puts a layer on top.
    trees: Arc<Layer>,
    out: Vec<u8>,
    /// Which nodes write the text in progress, where somebody wants to know.
    trace: Option<Trace>,
    /// Where the text in progress begins in the output.
    start: usize,
    depth: usize,
    includes: HashMap<Arc<str>, usize>,
    /// Number of `include` and `tpl` in progress.
    nesting: usize,
    /// Number of templates of Jinja in progress that Go templates have included.
    languages: usize,
    steps: u64,
    stack: Stack,
}

impl<'e> Machine<'e> {
    fn new(templates: &'e Templates, host: &'e dyn Host) -> Self {
        Machine {
            templates,
            host,
            data: None,
            trees: templates.trees.clone(),
            out: Vec::new(),
            trace: None,
            start: 0,
            depth: 0,
            includes: HashMap::new(),
            nesting: 0,
            languages: 0,
            steps: 0,
            stack: Stack::here(),
        }
    }
}

impl Machine<'_> {
    /// Executes a tree with fresh variables, on a deeper stack where needed.
    fn run(&mut self, tree: &Tree, dot: Slot) -> Result<()> {
        if self.stack.has_room() {
            return self.run_here(tree, dot);
        }
        let outer = self.stack;
        if outer.is_deep() {
            return Err(self.exhausted(tree));
        }
        let machine = &mut *self;
        let result = Stack::deepen(move |stack| {
            machine.stack = stack;
            machine.run_here(tree, dot)
        });
        self.stack = outer;
        result.unwrap_or_else(|| Err(self.exhausted(tree)))
    }

    fn exhausted(&self, tree: &Tree) -> Box<ExecError> {
        Box::new(ExecError::without_place(format!(
            "template: {}: exceeded maximum template depth ({MAX_DEPTH}) in {}",
            tree.source.name,
            quote(&tree.name)
        )))
    }

    fn run_here(&mut self, tree: &Tree, dot: Slot) -> Result<()> {
        let Some(first) = tree.root.nodes.first() else { return Ok(()) };
        let mut frame = Frame { tree, at: NodeRef::Node(first), variables: vec![("$", dot.clone())] };
        self.block(&mut frame, &dot, &tree.root).map(drop)
    }

    /// The output as text.
    fn finish(self, trace: Option<&mut Trace>) -> Str {
        let text = Str::from_bytes(self.out);
        let removes = self.templates.options.no_value == NoValue::Remove && contains_no_value(&text);
        if let (Some(trace), Some(mut own)) = (trace, self.trace) {
            if removes {
                own.remove_no_values(&text.outline());
            }
            *trace = own;
        }
        if removes { without_no_values(&text) } else { text }
    }

    // Failures.

    fn place(&self, frame: &Frame) -> Place {
        Place {
            source: frame.tree.source.clone(),
            offset: frame.at.offset(),
            template: frame.tree.name.clone(),
            node: frame.at.to_string(),
        }
    }

    #[cold]
    fn fail<T>(&self, frame: &Frame, message: impl Into<String>) -> Result<T> {
        self.fail_with_hint(frame, message, None)
    }

    #[cold]
    fn fail_with_hint<T>(&self, frame: &Frame, message: impl Into<String>, hint: Option<Hint>) -> Result<T> {
        let cause = Cause::Message(message.into());
        Err(Box::new(ExecError { place: Some(self.place(frame)), cause, hint, involved: Vec::new(), partial: None }))
    }

    #[cold]
    fn function_failed(&self, frame: &Frame, name: &str, error: FunctionError) -> Box<ExecError> {
        let hint = match &error {
            FunctionError::Message(message) if message.starts_with(NO_TEMPLATE) => self.template_alike(message),
            _ => None,
        };
        let cause = Cause::of_call(name, error);
        Box::new(ExecError { place: Some(self.place(frame)), cause, hint, involved: Vec::new(), partial: None })
    }

    /// Adds the values of the node that failed, unless the failure is that of an inner template or knows them already.
    #[cold]
    fn explained(frame: &Frame, dot: &Slot, node: &Node, mut error: Box<ExecError>) -> Box<ExecError> {
        if !matches!(error.cause, Cause::Nested { .. }) && error.involved.is_empty() {
            let variable = |name: &str| frame.variables.iter().rev().find(|(known, _)| *known == name)?.1.value.clone();
            error.involved = hint::involved(frame.at, node, &hint::Scene { dot: dot.value.as_ref(), variable: &variable });
        }
        error
    }

    /// The defined template whose name is most like the quoted one of a message.
    #[cold]
    fn template_alike(&self, message: &str) -> Option<Hint> {
        let wanted = message.split('"').nth(1)?;
        let mut names = self.trees.names();
        names.extend(self.templates.jinja.iter().flat_map(|jinja| jinja.names()).cloned());
        let names: Vec<String> = names.iter().map(|name| shown(name)).collect();
        let alike = nearest(wanted, names.iter().map(String::as_str))?;
        Some(Hint { text: format!("nothing defines `{wanted}`; did you mean `{alike}`?"), owner: None })
    }

    /// For a path whose first name is that of the file's data and not of what the path begins at: where the data is.
    #[cold]
    fn data_elsewhere(&self, frame: &Frame, dot: &Slot, operand: &Operand, names: &[Box<str>]) -> Option<Hint> {
        let first = names.first()?;
        let has = |value: &Value| value.as_map().is_some_and(|map| map.contains_key(first));
        let (_, root) = frame.variables.first()?;
        let (start, found) = match operand {
            Operand::Field { .. } => (".", dot.value.as_ref()),
            Operand::Variable { name, .. } if &**name == "$" => ("$", root.value.as_ref()),
            _ => return None,
        };
        if found.is_some_and(has) || !self.data.is_some_and(has) {
            return None;
        }
        let path = names.iter().fold(String::new(), |path, name| format!("{path}.{name}"));
        let head = format!("`{start}` is {} here and not the chart's data", hint::article(found));
        let text = if start == "." && root.value.as_ref().is_some_and(has) {
            format!("{head}: `range` and `with` change it; write `${path}`")
        } else {
            let name = shown(&frame.tree.name);
            let head = format!("{head}: it is what `{name}` was given");
            let own = if start == "." { "" } else { start };
            match found.and_then(Value::as_map) {
                Some(_) => format!("{head}; put the data into it, as in `dict \"root\" $`, and write `{own}.root{path}`"),
                None => format!("{head}; give it `$`, as in `include \"{name}\" $`, and write `${path}`"),
            }
        };
        Some(Hint { text, owner: None })
    }

    // Bodies.

    fn block<'t>(&mut self, frame: &mut Frame<'t>, dot: &Slot, block: &'t Block) -> Result<Flow> {
        for node in &block.nodes {
            match self.node(frame, dot, node) {
                Ok(Flow::Next) => {}
                Ok(other) => return Ok(other),
                Err(error) => return Err(Self::explained(frame, dot, node, error)),
            }
        }
        Ok(Flow::Next)
    }

    fn node<'t>(&mut self, frame: &mut Frame<'t>, dot: &Slot, node: &'t Node) -> Result<Flow> {
        frame.at = NodeRef::Node(node);
        self.step(frame)?;
        let limits = &self.templates.options.limits;
        if self.out.len() > limits.output {
            return self.fail(frame, format!("output exceeds {} bytes", limits.output));
        }
        if let Some(trace) = &mut self.trace {
            trace.begin(self.out.len() - self.start, &frame.tree.source, frame.at.offset(), matches!(node, Node::Text { .. }));
        }
        match node {
            Node::Text { text, .. } => self.out.extend_from_slice(text),
            Node::Action(pipe) => {
                let slot = self.pipe(frame, dot, pipe)?;
                if pipe.variables.is_empty() {
                    write_output(&mut self.out, &slot.value);
                }
            }
            Node::If(branch) => {
                let mark = frame.variables.len();
                let slot = self.pipe(frame, dot, &branch.pipe)?;
                let flow = self.choose(frame, truth(&slot.value), dot, dot, branch)?;
                frame.variables.truncate(mark);
                return Ok(flow);
            }
            Node::With(branch) => {
                let mark = frame.variables.len();
                let slot = self.pipe(frame, dot, &branch.pipe)?;
                let flow = self.choose(frame, truth(&slot.value), &slot, dot, branch)?;
                frame.variables.truncate(mark);
                return Ok(flow);
            }
            Node::Range(branch) => {
                let mark = frame.variables.len();
                let flow = self.range(frame, dot, branch)?;
                frame.variables.truncate(mark);
                return Ok(flow);
            }
            Node::Template { name, pipe, .. } => self.template(frame, dot, name, pipe.as_ref())?,
            Node::Break { .. } => return Ok(Flow::Break),
            Node::Continue { .. } => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn step(&mut self, frame: &Frame) -> Result<()> {
        self.steps += 1;
        let limit = self.templates.options.limits.steps;
        if self.steps <= limit {
            return Ok(());
        }
        let text = "a loop may be longer than meant; a range over a large number, or loops inside of one another, make many steps".into();
        let hint = Some(Hint { text, owner: None });
        self.fail_with_hint(frame, format!("template runs without end: more than {limit} steps"), hint)
    }

    fn choose<'t>(&mut self, frame: &mut Frame<'t>, truth: bool, inner: &Slot, outer: &Slot, branch: &'t Branch) -> Result<Flow> {
        match (truth, &branch.otherwise) {
            (true, _) => self.block(frame, inner, &branch.body),
            (false, Some(otherwise)) => self.block(frame, outer, otherwise),
            (false, None) => Ok(Flow::Next),
        }
    }

    fn template<'t>(&mut self, frame: &mut Frame<'t>, dot: &Slot, name: &str, pipe: Option<&'t Pipe>) -> Result<()> {
        let Some(tree) = self.trees.get(name).cloned() else {
            let message = format!("template {} not defined", quote(&shown(name)));
            let hint = self.template_alike(&message);
            return self.fail_with_hint(frame, message, hint);
        };
        if self.depth >= MAX_DEPTH {
            return self.fail(frame, format!("exceeded maximum template depth ({MAX_DEPTH})"));
        }
        let dot = match pipe {
            Some(pipe) => self.pipe(frame, dot, pipe)?,
            None => Slot::NONE,
        };
        self.depth += 1;
        let result = self.run(&tree, dot);
        self.depth -= 1;
        result
    }

    fn range<'t>(&mut self, frame: &mut Frame<'t>, dot: &Slot, branch: &'t Branch) -> Result<Flow> {
        let slot = self.pipe(frame, dot, &branch.pipe)?;
        let mark = frame.variables.len();
        let two = branch.pipe.variables.len() > 1;
        let mut ran = false;
        let mut turn = |machine: &mut Self, frame: &mut Frame<'t>, index: Slot, element: Slot| -> Result<Flow> {
            ran = true;
            machine.step(frame)?;
            machine.loop_variables(frame, &branch.pipe, index, &element)?;
            let flow = machine.block(frame, &element, &branch.body)?;
            frame.variables.truncate(mark);
            Ok(flow)
        };
        match &slot.value {
            None | Some(Value::Nil) => {}
            Some(Value::Int(_, _) | Value::Duration(_)) if two => {
                let text = slot.value.as_ref().map(Value::to_text).unwrap_or_else(|| "".into());
                return self.fail(frame, format!("can't use {} to iterate over more than one variable", text.shown()));
            }
            Some(value @ (Value::Int(count, _) | Value::Duration(count))) => {
                for number in 0..*count {
                    let element = match value {
                        Value::Int(_, kind) => Value::Int(number, *kind),
                        _ => Value::Duration(number),
                    };
                    if turn(self, frame, Slot::NONE, Slot { value: Some(element), boxed: false })? == Flow::Break {
                        break;
                    }
                }
            }
            Some(Value::List(list)) => {
                for (index, item) in list.items().iter().enumerate() {
                    let index = Slot { value: Some(Value::int(index as i64)), boxed: false };
                    if turn(self, frame, index, Slot::element(item.clone(), list.elem()))? == Flow::Break {
                        break;
                    }
                }
            }
            Some(Value::Bytes(bytes)) => {
                for (index, byte) in bytes.iter().enumerate() {
                    let index = Slot { value: Some(Value::int(index as i64)), boxed: false };
                    let byte = Value::Int(i64::from(*byte), super::value::IntKind::Uint8);
                    if turn(self, frame, index, Slot { value: Some(byte), boxed: false })? == Flow::Break {
                        break;
                    }
                }
            }
            Some(Value::Map(map)) => {
                for (key, value) in map.entries() {
                    let key = Slot { value: Some(Value::from(key)), boxed: false };
                    if turn(self, frame, key, Slot::element(value, map.map_type().elem()))? == Flow::Break {
                        break;
                    }
                }
            }
            Some(value) => match value {
                Value::Object(object) if object.entries().is_some() => {
                    for (key, value) in object.entries().unwrap_or_default() {
                        let (key, value) = (Slot { value: Some(key), boxed: false }, Slot { value: Some(value), boxed: false });
                        if turn(self, frame, key, value)? == Flow::Break {
                            break;
                        }
                    }
                }
                other => return self.fail(frame, format!("range can't iterate over {}", other.to_text().shown())),
            },
        }
        match &branch.otherwise {
            // a break here ends this range, although it runs no turn; a continue goes on with the range around it
            Some(otherwise) if !ran => match self.block(frame, dot, otherwise)? {
                Flow::Break => {
                    frame.variables.truncate(mark);
                    Ok(Flow::Next)
                }
                flow => Ok(flow),
            },
            _ => Ok(Flow::Next),
        }
    }

    /// Sets the variables of a loop for one turn. With one variable it takes the element, with two the index comes first.
    fn loop_variables<'t>(&mut self, frame: &mut Frame<'t>, pipe: &'t Pipe, index: Slot, element: &Slot) -> Result<()> {
        match pipe.variables.as_slice() {
            [] => Ok(()),
            [only] if pipe.assigns => self.assign(frame, only, element.clone()),
            [first, second, ..] if pipe.assigns => {
                self.assign(frame, first, index)?;
                self.assign(frame, second, element.clone())
            }
            [_] => {
                if let [.., (_, slot)] = frame.variables.as_mut_slice() {
                    *slot = element.clone();
                }
                Ok(())
            }
            _ => {
                if let [.., (_, first), (_, second)] = frame.variables.as_mut_slice() {
                    *first = index;
                    *second = element.clone();
                }
                Ok(())
            }
        }
    }

    fn assign(&self, frame: &mut Frame, name: &str, slot: Slot) -> Result<()> {
        match frame.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = slot,
            None => return self.fail(frame, format!("undefined variable: {name}")),
        }
        Ok(())
    }

    // Pipelines.

    fn pipe<'t>(&mut self, frame: &mut Frame<'t>, dot: &Slot, pipe: &'t Pipe) -> Result<Slot> {
        frame.at = NodeRef::Pipe(pipe);
        let mut value: Option<Slot> = None;
        for command in &pipe.commands {
            value = Some(self.command(frame, dot, command, value)?.unboxed());
        }
        let value = value.unwrap_or_default();
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(frame, name, value.clone())?;
            } else {
                frame.variables.push((name, value.clone()));
            }
        }
        Ok(value)
    }

    /// One command; `last` is the value of the one before it, its last argument.
    fn command<'t>(&mut self, frame: &mut Frame<'t>, dot: &Slot, command: &'t Command, last: Option<Slot>) -> Result<Slot> {
        let Some((first, arguments)) = command.operands.split_first() else { return Ok(Slot::NONE) };
        match first {
            Operand::Field { names, .. } => {
                frame.at = NodeRef::Operand(first);
                self.fields(frame, dot, dot.clone(), first, names, arguments, last)
            }
            Operand::Chain { base, fields, .. } => self.chain(frame, dot, first, base, fields, arguments, last),
            Operand::Function { name, callee, .. } => {
                frame.at = NodeRef::Operand(first);
                self.function(frame, dot, NodeRef::Command(command), name, callee, arguments, last)
            }
            Operand::Pipe(pipe) => {
                self.no_arguments(frame, first, arguments, &last)?;
                self.pipe(frame, dot, pipe)
            }
            Operand::Variable { name, fields, .. } => {
                frame.at = NodeRef::Operand(first);
                let value = self.variable(frame, name)?;
                if fields.is_empty() {
                    self.no_arguments(frame, first, arguments, &last)?;
                    return Ok(value);
                }
                self.fields(frame, dot, value, first, fields, arguments, last)
            }
            Operand::Bool { .. } | Operand::Dot { .. } | Operand::Nil { .. } | Operand::Number { .. } | Operand::String { .. } => {
                frame.at = NodeRef::Operand(first);
                self.no_arguments(frame, first, arguments, &last)?;
                match first {
                    Operand::Bool { truth, .. } => Ok(Slot::plain(Value::Bool(*truth))),
                    Operand::Dot { .. } => Ok(dot.clone()),
                    Operand::Number { number, .. } => self.ideal(frame, number),
                    Operand::String { text, .. } => Ok(Slot::plain(Value::String(text.clone()))),
                    _ => self.fail(frame, "nil is not a command"),
                }
            }
        }
    }

    fn no_arguments(&self, frame: &Frame, operand: &Operand, arguments: &[Operand], last: &Option<Slot>) -> Result<()> {
        if arguments.is_empty() && last.is_none() {
            return Ok(());
        }
        self.fail(frame, format!("can't give argument to non-function {operand}"))
    }

    fn variable(&self, frame: &Frame, name: &str) -> Result<Slot> {
        match frame.variables.iter().rev().find(|(known, _)| *known == name) {
            Some((_, slot)) => Ok(slot.clone()),
            None => self.fail(frame, format!("undefined variable: {name}")),
        }
    }

    /// A literal number where nothing says which type it should have.
    fn ideal(&self, frame: &Frame, number: &Number) -> Result<Slot> {
        let text = &number.text;
        let is_hexadecimal = text.len() > 2 && (text.starts_with("0x") || text.starts_with("0X")) && !text.contains(['p', 'P']);
        let looks_float = !is_hexadecimal && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P']);
        match number {
            Number { complex: Some(_), .. } => self.fail(frame, format!("complex number {text} has no use in a template")),
            Number { float: Some(float), .. } if looks_float => Ok(Slot { value: Some(Value::Float(*float)), boxed: false }),
            Number { int: Some(int), .. } => Ok(Slot { value: Some(Value::int(*int)), boxed: false }),
            _ => self.fail(frame, format!("{text} overflows int")),
        }
    }

    // Fields and methods.

    #[allow(clippy::too_many_arguments)]
    fn chain<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        operand: &'t Operand,
        base: &'t Operand,
        fields: &'t [Box<str>],
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Result<Slot> {
        frame.at = NodeRef::Operand(operand);
        let receiver = match base {
            Operand::Pipe(pipe) => {
                frame.at = NodeRef::Operand(base);
                self.pipe(frame, dot, pipe)?
            }
            Operand::Function { name, callee, .. } => {
                frame.at = NodeRef::Operand(base);
                self.function(frame, dot, NodeRef::Operand(base), name, callee, &[], None)?
            }
            Operand::Nil { .. } => return self.fail(frame, format!("indirection through explicit nil in {operand}")),
            other => return self.fail(frame, format!("can't evaluate field of {other}")),
        };
        self.fields(frame, dot, receiver, operand, fields, arguments, last)
    }

    /// `.a.b.c` of a receiver; the arguments go to the last one, if it is a method.
    #[allow(clippy::too_many_arguments)]
    fn fields<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        mut receiver: Slot,
        operand: &'t Operand,
        names: &'t [Box<str>],
        arguments: &'t [Operand],
        mut last: Option<Slot>,
    ) -> Result<Slot> {
        for (index, name) in names.iter().enumerate() {
            if receiver.value.as_ref().is_some_and(Value::is_nil) {
                let typ = receiver.type_name();
                let elsewhere = if index == 1 { self.data_elsewhere(frame, dot, operand, names) } else { None };
                let missing_key = |missing| {
                    let root = match operand {
                        Operand::Variable { name, .. } => {
                            frame.variables.iter().rev().find(|(known, _)| **known == **name)?.1.value.clone()?
                        }
                        Operand::Field { .. } => dot.value.clone()?,
                        _ => return None,
                    };
                    hint::missing_key(operand, &root, names, missing)
                };
                let hint = elsewhere.or_else(|| index.checked_sub(1).and_then(missing_key));
                return self.fail_with_hint(frame, format!("nil pointer evaluating {typ}.{name}"), hint);
            }
            let is_last = index + 1 == names.len();
            let (arguments, last) = if is_last { (arguments, last.take()) } else { (&[][..], None) };
            receiver = match self.field(frame, dot, receiver, operand, name, arguments, last) {
                Ok(receiver) => receiver,
                Err(mut error) => {
                    let is_first = index == 0
                        && error.hint.is_none()
                        && matches!(&error.cause, Cause::Message(message) if message.starts_with(NO_FIELD));
                    if is_first {
                        error.hint = self.data_elsewhere(frame, dot, operand, names);
                    }
                    return Err(error);
                }
            };
        }
        Ok(receiver)
    }

    #[allow(clippy::too_many_arguments)]
    fn field<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        receiver: Slot,
        operand: &'t Operand,
        name: &'t str,
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Result<Slot> {
        let missing_key = self.templates.options.missing_key;
        let Some(value) = &receiver.value else {
            return match missing_key {
                MissingKey::Error => self.fail(frame, format!("nil data; no entry for key {}", quote(name))),
                _ => Ok(Slot::NONE),
            };
        };
        let method = if has_methods(value) { self.templates.table.get_method(&value.type_name(), name).cloned() } else { None };
        if let Some(method) = method {
            return self.method(frame, dot, NodeRef::Operand(operand), &method, value.clone(), arguments, last);
        }
        let has_arguments = !arguments.is_empty() || last.is_some();
        match value {
            Value::Map(map) => {
                if has_arguments {
                    return self.fail(frame, format!("{name} is not a method but has arguments"));
                }
                let elem = map.map_type().elem();
                match map.get(name) {
                    Some(found) => Ok(Slot::element(found, elem)),
                    None => self.missing(frame, map, name),
                }
            }
            Value::Object(object) => {
                if let Some(found) = object.field(name) {
                    if has_arguments {
                        return self.fail(frame, format!("{name} has arguments but cannot be invoked as function"));
                    }
                    return Ok(Slot { boxed: found.is_nil(), value: Some(found) });
                }
                let found = object.entries().map(|entries| {
                    entries.into_iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value).unwrap_or_default()
                });
                match found {
                    Some(_) if has_arguments => self.fail(frame, format!("{name} is not a method but has arguments")),
                    Some(found) => Ok(Slot { boxed: found.is_nil(), value: Some(found) }),
                    None => self.no_such_field(frame, &receiver, name),
                }
            }
            _ => self.no_such_field(frame, &receiver, name),
        }
    }

    #[cold]
    fn missing(&self, frame: &Frame, map: &Map, name: &str) -> Result<Slot> {
        match self.templates.options.missing_key {
            MissingKey::Invalid => Ok(Slot::NONE),
            MissingKey::Zero => {
                let elem = map.map_type().elem();
                Ok(Slot::element(elem.zero(), elem))
            }
            MissingKey::Error => {
                let hint = hint::keys_beside(name, map, "there").map(|text| Hint { text, owner: Some(map.clone()) });
                self.fail_with_hint(frame, format!("map has no entry for key {}", quote(name)), hint)
            }
        }
    }

    #[cold]
    fn no_such_field(&self, frame: &Frame, receiver: &Slot, name: &str) -> Result<Slot> {
        self.fail(frame, format!("{NO_FIELD}{name} in type {}", receiver.type_name()))
    }

    // Calls.

    #[allow(clippy::too_many_arguments)]
    fn function<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        node: NodeRef<'t>,
        name: &'t str,
        callee: &'t Callee,
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Result<Slot> {
        match callee {
            Callee::Function(function) => {
                let values = self.arguments(frame, dot, function, name, Vec::new(), arguments, last)?;
                self.invoke(frame, node, function, name, values)
            }
            Callee::Builtin(builtin) => self.builtin(frame, dot, node, name, *builtin, arguments, last),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn method<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        node: NodeRef<'t>,
        method: &Function,
        receiver: Value,
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Result<Slot> {
        let values = self.arguments(frame, dot, method, method.name(), vec![receiver], arguments, last)?;
        self.invoke(frame, node, method, method.name(), values)
    }

    fn invoke<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        node: NodeRef<'t>,
        function: &Function,
        name: &str,
        values: Vec<Value>,
    ) -> Result<Slot> {
        match function.invoke(self, values).and_then(|value| self.templates.options.limits.check(value)) {
            Ok(value) => Ok(Slot { boxed: value.is_nil(), value: Some(value) }),
            Err(error) => {
                frame.at = node;
                Err(self.function_failed(frame, name, error))
            }
        }
    }

    /// The arguments of a call, each assigned to its parameter, behind those that are in `values` already.
    #[allow(clippy::too_many_arguments)]
    fn arguments<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        function: &Function,
        name: &str,
        mut values: Vec<Value>,
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Result<Vec<Value>> {
        let given = arguments.len() + usize::from(last.is_some());
        if let Err(message) = function.check_count(name, given, arguments.len()) {
            return self.fail(frame, message);
        }
        values.reserve(given);
        for (index, argument) in arguments.iter().enumerate() {
            let typ = function.parameter(index).unwrap_or(Type::Any);
            let slot = self.argument(frame, dot, typ, argument)?;
            values.push(settle(slot, typ));
        }
        if let Some(last) = last {
            let typ = function.parameter(arguments.len()).unwrap_or(Type::Any);
            let slot = self.validate(frame, last, typ)?;
            values.push(settle(slot, typ));
        }
        Ok(values)
    }

    #[allow(clippy::too_many_arguments)]
    fn builtin<'t>(
        &mut self,
        frame: &mut Frame<'t>,
        dot: &Slot,
        node: NodeRef<'t>,
        name: &str,
        builtin: Builtin,
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Result<Slot> {
        let (fixed, rest) = builtin.signature();
        let given = arguments.len() + usize::from(last.is_some());
        if rest.is_some() && given < fixed.len() {
            return self.fail(frame, format!("wrong number of args for {name}: want at least {} got {}", fixed.len(), arguments.len()));
        }
        if rest.is_none() && given != fixed.len() {
            return self.fail(frame, format!("wrong number of args for {name}: want {} got {given}", fixed.len()));
        }
        if matches!(builtin, Builtin::And | Builtin::Or) {
            let mut slot = Slot::NONE;
            for argument in arguments {
                slot = self.argument(frame, dot, Type::Reflect, argument)?;
                if truth(&slot.value) == (builtin == Builtin::Or) {
                    return Ok(slot);
                }
            }
            return Ok(last.unwrap_or(slot));
        }
        let parameter = |index: usize| fixed.get(index).copied().or(rest).unwrap_or(Type::Any);
        let mut values = Vec::with_capacity(given);
        for (index, argument) in arguments.iter().enumerate() {
            values.push(self.argument(frame, dot, parameter(index), argument)?.value);
        }
        if let Some(last) = last {
            values.push(self.validate(frame, last, parameter(arguments.len()))?.value);
        }
        let result = match builtin {
            Builtin::Call => Err(match values.first().and_then(Option::as_ref).filter(|value| !value.is_nil()) {
                None => "call of nil".into(),
                Some(value) => {
                    let callee = match (arguments.first(), value) {
                        (Some(written), _) => written.to_string(),
                        (None, Value::String(text)) => text.shown().into_owned(),
                        (None, other) => format!("<{} Value>", other.type_name()),
                    };
                    format!("non-function {callee} of type {}", value.type_name()).into()
                }
            }),
            _ => builtin.call(values).and_then(|value| value.map(|value| self.templates.options.limits.check(value)).transpose()),
        };
        match result {
            Ok(value) => Ok(Slot { boxed: value.as_ref().is_some_and(Value::is_nil) || builtin == Builtin::Index, value }),
            Err(error) => {
                frame.at = node;
                Err(self.function_failed(frame, name, error))
            }
        }
    }

    /// One argument, made to fit its parameter: literals take the parameter's type.
    fn argument<'t>(&mut self, frame: &mut Frame<'t>, dot: &Slot, typ: Type, operand: &'t Operand) -> Result<Slot> {
        frame.at = NodeRef::Operand(operand);
        let slot = match operand {
            Operand::Dot { .. } => dot.clone(),
            Operand::Nil { .. } => {
                return match typ {
                    Type::Reflect => Ok(Slot::NONE),
                    _ if typ.can_be_nil() => Ok(Slot { value: Some(typ.zero()), boxed: typ == Type::Any }),
                    _ => self.fail(frame, format!("cannot assign nil to {}", typ.name())),
                };
            }
            Operand::Field { names, .. } => self.fields(frame, dot, dot.clone(), operand, names, &[], None)?,
            Operand::Variable { name, fields, .. } => {
                let value = self.variable(frame, name)?;
                self.fields(frame, dot, value, operand, fields, &[], None)?
            }
            Operand::Pipe(pipe) => self.pipe(frame, dot, pipe)?,
            Operand::Function { name, callee, .. } => self.function(frame, dot, NodeRef::Operand(operand), name, callee, &[], None)?,
            Operand::Chain { base, fields, .. } => self.chain(frame, dot, operand, base, fields, &[], None)?,
            Operand::Bool { .. } | Operand::Number { .. } | Operand::String { .. } => return self.literal(frame, typ, operand),
        };
        self.validate(frame, slot, typ)
    }

    fn literal(&self, frame: &Frame, typ: Type, operand: &Operand) -> Result<Slot> {
        let expected = |what: &str| self.fail(frame, format!("expected {what}; found {operand}"));
        let number = if let Operand::Number { number, .. } = operand { Some(number) } else { None };
        let value = match (typ, operand) {
            (Type::Any | Type::Reflect, Operand::Number { number, .. }) => return self.ideal(frame, number),
            (Type::Any | Type::Reflect | Type::Bool, Operand::Bool { truth, .. }) => Value::Bool(*truth),
            (Type::Any | Type::Reflect | Type::String, Operand::String { text, .. }) => Value::String(text.clone()),
            (Type::Bool, _) => return expected("bool"),
            (Type::String, _) => return expected("string"),
            (Type::Int | Type::Int64 | Type::Duration, _) => match (number.and_then(|number| number.int), typ) {
                (Some(int), Type::Int) => Value::int(int),
                (Some(int), Type::Int64) => Value::int64(int),
                (Some(int), _) => Value::Duration(int),
                (None, _) => return expected("integer"),
            },
            (Type::Float, _) => match number.and_then(|number| number.float) {
                Some(float) => Value::Float(float),
                None => return expected("float"),
            },
            _ => return self.fail(frame, format!("can't handle {operand} for arg of type {}", typ.name())),
        };
        Ok(Slot { value: Some(value), boxed: false })
    }

    /// Checks that a value can be assigned to a parameter.
    fn validate(&self, frame: &Frame, slot: Slot, typ: Type) -> Result<Slot> {
        match (&slot.value, typ) {
            (_, Type::Reflect) | (Some(_), Type::Any) => Ok(slot),
            (None, Type::Any) => Ok(Slot { value: Some(Value::Nil), boxed: true }),
            (None, _) if typ.can_be_nil() => Ok(Slot { value: Some(typ.zero()), boxed: false }),
            (None, _) => self.fail(frame, format!("invalid value; expected {}", typ.name())),
            (Some(Value::Nil), _) => self.fail(frame, format!("wrong type for value; expected {}; got interface {{}}", typ.name())),
            (Some(value), _) if typ.accepts(value) => Ok(slot),
            (Some(value), _) => {
                let message = format!("wrong type for value; expected {}; got {}", typ.name(), value.type_name());
                self.fail(frame, message)
            }
        }
    }
}

fn contains_no_value(text: &Str) -> bool {
    match text.as_str() {
        Some(text) => text.contains(NO_VALUE),
        None => text.outline().contains(NO_VALUE),
    }
}

fn without_no_values(text: &Str) -> Str {
    match text.as_str() {
        Some(text) => text.replace(NO_VALUE, "").into(),
        None => {
            let (bytes, mut kept, mut from) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
            for (at, _) in text.outline().match_indices(NO_VALUE) {
                kept.extend_from_slice(&bytes[from..at]);
                from = at + NO_VALUE.len();
            }
            kept.extend_from_slice(&bytes[from..]);
            Str::from_bytes(kept)
        }
    }
}

/// What a function receives of an argument that fits.
fn settle(slot: Slot, typ: Type) -> Value {
    slot.value.unwrap_or_else(|| typ.zero())
}

/// Whether the value's type can have methods at all: plain maps, lists and basic types have none.
fn has_methods(value: &Value) -> bool {
    match value {
        Value::Object(_) | Value::Time(_) | Value::Duration(_) => true,
        Value::Map(map) => matches!(map.map_type(), MapType::Named { .. }),
        _ => false,
    }
}

impl Scope for Machine<'_> {
    fn include(&mut self, name: &Str, data: Value) -> Result<Str, FunctionError> {
        let name = &*text_of_bytes(name.as_bytes());
        let Some(tree) = self.trees.get(name).cloned() else {
            if let Some(jinja) = self.templates.jinja.as_ref().filter(|jinja| jinja.contains(name)) {
                return self.include_jinja(jinja, name, &data);
            }
            let set = quote(&self.templates.options.name);
            return Err(format!("{NO_TEMPLATE}{} associated with template {set}", quote(&shown(name))).into());
        };
        let limit = self.templates.options.limits.includes;
        let count = self.includes.entry(tree.name.clone()).or_insert(0);
        if *count > limit {
            return Err(format!("rendering template has a nested reference name: {}: unable to execute template", shown(name)).into());
        }
        *count += 1;
        let result = self.captured(&tree, data);
        if let Some(count) = self.includes.get_mut(&tree.name) {
            *count -= 1;
        }
        result?.map_err(|error| FunctionError::Nested { context: String::new(), error })
    }

    fn tpl(&mut self, text: &Str, data: Value) -> Result<Str, FunctionError> {
        let parsed = match self.templates.parse_text(text) {
            Ok(parsed) => parsed,
            Err(error) => return Err(format!("cannot parse template {}: {error}", quote_bytes(text.as_bytes())).into()),
        };
        let outer = self.trees.clone();
        // A text without definitions only runs itself; it needs no layer of its own.
        if parsed.len() > 1 {
            let mut layer = Layer::above(outer.clone());
            layer.add(&parsed);
            self.trees = Arc::new(layer);
        }
        let result = match parsed.get(&self.templates.options.name) {
            Some(tree) => self.captured(tree, data),
            None => Ok(Ok(Str::from(""))),
        };
        if self.templates.options.tpl_definitions == TplDefinitions::Inside {
            self.trees = outer;
        }
        let text = result?.map_err(|error| {
            let context = format!("error during tpl function execution for {}: ", quote_bytes(text.as_bytes()));
            FunctionError::Nested { context, error }
        })?;
        let removes = self.templates.options.no_value == NoValue::Remove && contains_no_value(&text);
        Ok(if removes { without_no_values(&text) } else { text })
    }

    fn host(&self) -> &dyn Host {
        self.host
    }
}

impl Machine<'_> {
    /// Executes a template of Jinja and gives its text.
    fn include_jinja(&mut self, jinja: &Arc<Jinja>, name: &str, data: &Value) -> Result<Str, FunctionError> {
        if self.languages >= MAX_LANGUAGES {
            return Err(format!("Go templates and Jinja include one another more than {MAX_LANGUAGES} levels deep").into());
        }
        self.languages += 1;
        let result = jinja.execute(self, name, data, None);
        self.languages -= 1;
        result.map(Str::from).map_err(|error| FunctionError::Nested { context: String::new(), error })
    }

    /// Executes a tree and takes what it wrote. The outer error is that there is no room for it.
    fn captured(&mut self, tree: &Tree, data: Value) -> Result<Result<Str>, FunctionError> {
        if self.nesting >= MAX_NESTING {
            return Err(format!("templates are nested more than {MAX_NESTING} levels deep").into());
        }
        let start = self.out.len();
        let outer_start = std::mem::replace(&mut self.start, start);
        let outer_trace = self.trace.is_some().then(|| self.trace.replace(Trace::default())).flatten();
        let depth = std::mem::replace(&mut self.depth, 0);
        self.nesting += 1;
        let result = self.run(tree, Slot::plain(data));
        self.nesting -= 1;
        self.depth = depth;
        self.start = outer_start;
        let text = Str::from_slice(&self.out[start..]);
        self.out.truncate(start);
        if let Some(mut outer) = outer_trace {
            outer.called(text.clone(), self.trace.take().unwrap_or_default());
            self.trace = Some(outer);
        }
        Ok(result.map(|()| text))
    }
}
