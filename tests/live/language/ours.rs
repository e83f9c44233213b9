//! What our interpreter makes of a case, in the words of a Helm.

use std::sync::{Arc, LazyLock};

use werf::template::call::Table;
use werf::template::determined::{Determined, Seed};
use werf::template::host::NoHost;
use werf::template::value::{Map, MapType, Str, Value};
use werf::template::{Options, Templates, functions};

use super::values::named;

static TABLE: LazyLock<Arc<Table>> = LazyLock::new(|| Arc::new(functions::helm()));

/// One of the two Helms.
#[derive(Clone, Copy, Debug)]
pub struct Helm {
    /// Its name for the oracle.
    pub engine: &'static str,
    is_4: bool,
}

/// Helm 3.
pub const HELM_3: Helm = Helm { engine: "helm3", is_4: false };
/// Helm 4.
pub const HELM_4: Helm = Helm { engine: "helm4", is_4: true };

impl Helm {
    /// Renders a template of the chart `c` over these values.
    pub fn render(self, text: &str, values: &Value) -> Result<String, String> {
        self.render_bytes(text.as_bytes(), values).map(|text| text.letters().into_owned())
    }

    /// The same for a template of any bytes.
    pub fn render_bytes(self, text: &[u8], values: &Value) -> Result<Str, String> {
        let values = named(values, if self.is_4 { MapType::VALUES_4 } else { MapType::VALUES });
        let chart: Map = [("AppVersion", Value::from(""))].into_iter().collect();
        let data: Map = [("Values", values), ("Chart", Value::Map(chart))].into_iter().collect();
        let name = "c/templates/t.yaml";
        let mut templates = Templates::new(TABLE.clone(), Options::helm());
        templates.parse(name, text).map_err(|error| error.helm_text())?;
        let host = Determined::new(&NoHost, Seed { names: vec!["c".into()], time: 0 });
        let told = |error: Box<werf::template::ExecError>| if self.is_4 { error.helm4_text() } else { error.helm_text() };
        templates.execute(name, &Value::Map(data), &host).map_err(told)
    }
}
