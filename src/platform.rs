//! What an image runs on, in one form.

use std::fmt;

/// A platform in OCI's words, `linux/arm/v7`, in the form that containerd brings all spellings to: lower case, Go's names of
/// architectures, and no variant that says nothing (`linux/x86_64` and `linux/amd64/v1` are `linux/amd64`, `linux/arm` is `linux/arm/v7`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: String,
}

impl Platform {
    /// The platform of these parts, whose spelling does not matter. The variant may be empty.
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let [os, architecture, variant] = [os, architecture, variant].map(str::to_lowercase);
        let os = if os == "macos" { "darwin" } else { &os };
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("i386" | "x86", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1" | "") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8" | "v8.0" | "") => ("arm64", ""),
            ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            ("arm", "8") => ("arm", "v8"),
            other => other,
        };
        Platform { os: os.to_owned(), architecture: architecture.to_owned(), variant: variant.to_owned() }
    }

    /// Linux on an architecture.
    pub fn linux(architecture: &str) -> Self {
        Platform::new("linux", architecture, "")
    }

    /// Reads `OS/ARCHITECTURE[/VARIANT]`; `None` for another number of parts or an empty one.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            _ if parts.contains(&"") => None,
            [os, architecture] => Some(Platform::new(os, architecture, "")),
            [os, architecture, variant] => Some(Platform::new(os, architecture, variant)),
            _ => None,
        }
    }

    /// Operating system, `linux`.
    pub fn os(&self) -> &str {
        &self.os
    }

    /// Architecture as Go names it, `amd64`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Variant of the architecture, `v7`; empty where the architecture says all.
    pub fn variant(&self) -> &str {
        &self.variant
    }

    /// The platforms of one architecture whose images run on this one, the best first, itself included: as containerd chooses from an
    /// index. An `arm/v7` runs what is for `v6` and `v5`, an `amd64/v3` what is for `v2` and for any.
    pub fn runs(&self) -> Vec<Platform> {
        let least = match self.architecture.as_str() {
            "amd64" => 1,
            "arm" => 5,
            "arm64" => 8,
            _ => return vec![self.clone()],
        };
        let Some(own) = self.variant.strip_prefix('v').and_then(|own| own.parse::<u32>().ok()).filter(|own| (least..100).contains(own))
        else {
            let any = Platform::new(&self.os, &self.architecture, &format!("v{least}"));
            return if self.variant.is_empty() { vec![self.clone()] } else { vec![self.clone(), any] };
        };
        (least..=own).rev().map(|variant| Platform::new(&self.os, &self.architecture, &format!("v{variant}"))).collect()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_have_one_form() {
        for (text, expect) in [
            ("linux/amd64", Some("linux/amd64")),
            ("Linux/x86_64", Some("linux/amd64")),
            ("linux/AMD64/V1", Some("linux/amd64")),
            ("linux/amd64/v3", Some("linux/amd64/v3")),
            ("linux/i386", Some("linux/386")),
            ("linux/aarch64", Some("linux/arm64")),
            ("linux/arm64/v8", Some("linux/arm64")),
            ("linux/arm64/9", Some("linux/arm64/v9")),
            ("linux/arm/v7", Some("linux/arm/v7")),
            ("linux/arm", Some("linux/arm/v7")),
            ("linux/armel", Some("linux/arm/v6")),
            ("macos/arm64", Some("darwin/arm64")),
            ("linux/riscv64", Some("linux/riscv64")),
            ("", None),
            ("linux", None),
            ("linux/", None),
            ("/amd64", None),
            ("linux//v7", None),
            ("linux/arm/v7/x", None),
        ] {
            assert_eq!(Platform::parse(text).map(|platform| platform.to_string()).as_deref(), expect, "{text}");
        }
    }

    #[test]
    fn lesser_variants_run_too() {
        for (text, expect) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3 linux/amd64/v2 linux/amd64"),
            ("linux/arm", "linux/arm/v7 linux/arm/v6 linux/arm/v5"),
            ("linux/arm/v5", "linux/arm/v5"),
            ("linux/arm64", "linux/arm64"),
            ("linux/arm64/v9", "linux/arm64/v9 linux/arm64"),
            ("linux/arm64/v8.2", "linux/arm64/v8.2 linux/arm64"),
            ("linux/arm/v99999999999", "linux/arm/v99999999999 linux/arm/v5"),
            ("linux/ppc64le/power9", "linux/ppc64le/power9"),
        ] {
            let runs: Vec<String> = Platform::parse(text).unwrap().runs().iter().map(Platform::to_string).collect();
            assert_eq!(runs.join(" "), expect, "{text}");
        }
    }
}
