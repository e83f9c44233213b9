//! One YAML reader with spans, one emitter that prints as Helm does.
