//! What a user's words for a place mean: a directory, a bucket and a prefix in it, or a web address.

use std::path::PathBuf;

use catalog::{Error, ErrorKind, Result};
use object_store::path::Path;

/// Where a catalog lies.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A bucket of a cloud, or of a server that speaks its language.
    Bucket(Bucket),
    /// Any web server: to read only.
    Web(String),
}

/// A bucket (Azure: a container), and where in it the catalog begins.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Bucket {
    pub(super) service: Service,
    pub(super) name: String,
    pub(super) prefix: Path,
    /// Azure: the account, if the address names it.
    pub(super) account: Option<String>,
}

/// Whose language a bucket speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Service {
    /// Amazon S3 and the many that speak its language.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Place {
    /// Reads a user's words.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a scheme that is not known, [`ErrorKind::InvalidInput`] if the rest makes no sense.
    pub(super) fn parse(location: &str) -> Result<Self> {
        let Some((scheme, rest)) = location.split_once("://") else {
            return Ok(Self::Directory(PathBuf::from(location)));
        };
        let service = match scheme.to_ascii_lowercase().as_str() {
            "file" => return directory_of_url(location),
            "http" | "https" => return Ok(Self::Web(location.trim_end_matches('/').to_owned())),
            "s3" | "s3a" => Service::S3,
            "gs" | "gcs" => Service::Gcs,
            "az" | "azure" | "abfs" | "abfss" => Service::Azure,
            _ => return Err(unknown_scheme(scheme)),
        };
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let (name, account) = match name.split_once('@') {
            Some((name, host)) if service == Service::Azure => (name, host.split('.').next()),
            _ => (name, None),
        };
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._$".contains(&byte);
        if name.is_empty() || !name.bytes().all(fine) {
            return Err(no_bucket(location, service));
        }
        let prefix = Path::parse(prefix.trim_end_matches('/')).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("`{location}` is not an address of a catalog"))
                .because(error)
                .then(format!("write the prefix without empty parts and dots: {}", example(service)))
        })?;
        Ok(Self::Bucket(Bucket {
            service,
            name: name.to_owned(),
            prefix,
            account: account.map(str::to_owned),
        }))
    }
}

impl Service {
    /// As its users say.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::S3 => "S3",
            Self::Gcs => "Google Cloud Storage",
            Self::Azure => "Azure Blob Storage",
        }
    }

    /// What it calls a bucket.
    pub(super) const fn bucket(self) -> &'static str {
        match self {
            Self::S3 | Self::Gcs => "bucket",
            Self::Azure => "container",
        }
    }
}

fn directory_of_url(location: &str) -> Result<Place> {
    let path = url::Url::parse(location).ok().and_then(|url| url.to_file_path().ok());
    path.map(Place::Directory).ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, format!("`{location}` names no directory of this machine"))
            .because("a `file://` address has three slashes and then the whole path")
            .then("write `file:///srv/catalog`, or just the path: `--catalog /srv/catalog`")
    })
}

fn unknown_scheme(scheme: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("catalogs at `{scheme}://` cannot be opened"))
        .because("known are a directory, `s3://`, `gs://`, `az://` and, to read only, `https://`")
        .then("name one of these: `--catalog ./catalog`, `--catalog s3://bucket/prefix`")
}

fn no_bucket(location: &str, service: Service) -> Error {
    let bucket = service.bucket();
    Error::new(ErrorKind::InvalidInput, format!("`{location}` names no {bucket} of {}", service.name()))
        .because(format!(
            "the {bucket} stands right after the two slashes: letters, digits, `-`, `.` and `_`"
        ))
        .then(format!("for example {}", example(service)))
}

const fn example(service: Service) -> &'static str {
    match service {
        Service::S3 => "`s3://my-bucket/my-catalog`",
        Service::Gcs => "`gs://my-bucket/my-catalog`",
        Service::Azure => "`az://my-container/my-catalog`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(service: Service, name: &str, prefix: &str, account: Option<&str>) -> Place {
        let prefix = Path::parse(prefix).unwrap();
        Place::Bucket(Bucket { service, name: name.into(), prefix, account: account.map(Into::into) })
    }

    #[test]
    fn places() {
        for (location, expected) in [
            ("catalog", Place::Directory("catalog".into())),
            ("/srv/a b", Place::Directory("/srv/a b".into())),
            ("file:///srv/a%20b", Place::Directory("/srv/a b".into())),
            ("https://example.org/catalog/", Place::Web("https://example.org/catalog".into())),
            ("s3://bars", bucket(Service::S3, "bars", "", None)),
            ("s3://bars/", bucket(Service::S3, "bars", "", None)),
            ("S3://bars/us/equities/", bucket(Service::S3, "bars", "us/equities", None)),
            ("gs://my_bars/x", bucket(Service::Gcs, "my_bars", "x", None)),
            ("az://bars/x", bucket(Service::Azure, "bars", "x", None)),
            ("abfss://bars@me.dfs.core.windows.net/x/y", bucket(Service::Azure, "bars", "x/y", Some("me"))),
        ] {
            assert_eq!(Place::parse(location).unwrap(), expected, "{location}");
        }
    }

    #[test]
    fn what_is_no_place() {
        for (location, kind, part) in [
            ("ftp://host/x", ErrorKind::Unsupported, "ftp://"),
            ("s3://", ErrorKind::InvalidInput, "names no bucket of S3"),
            ("s3:///x", ErrorKind::InvalidInput, "names no bucket of S3"),
            ("s3://a@b/x", ErrorKind::InvalidInput, "names no bucket of S3"),
            ("az:///x", ErrorKind::InvalidInput, "names no container of Azure"),
            ("gs://b/a//b", ErrorKind::InvalidInput, "is not an address"),
            ("s3://b/../c", ErrorKind::InvalidInput, "is not an address"),
            ("file://catalog", ErrorKind::InvalidInput, "three slashes"),
        ] {
            let error = Place::parse(location).unwrap_err();
            assert_eq!(error.kind, kind, "{location}");
            assert!(error.to_string().contains(part), "{location}: {error}");
            assert!(!error.next.is_empty(), "{location}");
        }
    }
}
