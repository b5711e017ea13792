//! What a store's error means, and what to do about it.

use std::error::Error as StdError;
use std::io;

use catalog::{Error, ErrorKind};
use object_store::client::{HttpError, HttpErrorKind};

use super::Kind;
use super::place::Service;

/// How the error begins that says that no credentials could be had.
pub(super) const NO_CREDENTIALS: &str = "no credentials: ";

/// What was tried on which key, and where.
pub(super) struct Attempt<'a> {
    pub(super) verb: &'a str,
    pub(super) key: &'a str,
    pub(super) location: &'a str,
    pub(super) kind: &'a Kind,
}

/// Words in an error that say what is wrong.
struct Sign {
    /// One of these is in the error's text.
    words: &'static [&'static str],
    kind: ErrorKind,
    steps: &'static [&'static str],
}

const SIGNS: &[Sign] = &[
    Sign {
        words: &["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"],
        kind: ErrorKind::NotFound,
        steps: &[
            "check the name in the address and the endpoint and region in the environment",
            "or make it with your provider's tools; Barkeep makes no buckets",
        ],
    },
    Sign {
        words: &["AuthorizationHeaderMalformed", "without LOCATION", "PermanentRedirect", "IllegalLocation"],
        kind: ErrorKind::SourceUnavailable,
        steps: &["set the bucket's own region: `export AWS_REGION=eu-central-1`"],
    },
    Sign {
        words: &["ExpiredToken", "token has expired", "TokenRefreshRequired"],
        kind: ErrorKind::SourceUnavailable,
        steps: &["log in again and set the new credentials in the environment"],
    },
    Sign {
        words: &["RequestTimeTooSkewed"],
        kind: ErrorKind::SourceUnavailable,
        steps: &["set this machine's clock"],
    },
    Sign {
        words: &[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "AuthenticationFailed",
            "InvalidAuthenticationInfo",
            "failed to authenticate",
        ],
        kind: ErrorKind::SourceUnavailable,
        steps: &["check key and secret in the environment, and that they belong to this endpoint"],
    },
    Sign {
        words: &["URL scheme is not allowed"],
        kind: ErrorKind::InvalidInput,
        steps: &["allow an endpoint without encryption: `export AWS_ALLOW_HTTP=true` (or GOOGLE_, AZURE_)"],
    },
];

/// Whether an object is absent because its whole bucket is.
pub(super) fn lacks_bucket(error: &object_store::Error) -> bool {
    let text = causes(error);
    SIGNS[0].words.iter().any(|word| text.contains(word))
}

/// Whether the service answered 409, rather than 412 as to a condition that does not hold.
pub(super) fn is_conflict(error: &object_store::Error) -> bool {
    causes(error).contains("409 Conflict")
}

/// The error that a user sees.
pub(super) fn explain(attempt: &Attempt, error: &object_store::Error) -> Error {
    let Attempt { verb, key, location, kind } = attempt;
    let object = if key.is_empty() { String::new() } else { format!(" `{key}`") };
    let what = format!("could not {verb}{object} in `{location}`");
    let text = causes(error);
    let new = |kind| Error::new(kind, what.clone()).because(observed(&text));
    if let Some(sign) = SIGNS.iter().find(|sign| sign.words.iter().any(|word| text.contains(word))) {
        return sign.steps.iter().fold(new(sign.kind), |error, step| error.then(*step));
    }
    match (kind, error) {
        (_, object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => {
            new(ErrorKind::Unsupported).then("use a store that can do that; docs/stores.md names some")
        }
        (Kind::Bucket(service), object_store::Error::Unauthenticated { .. }) => {
            credential_steps(new(ErrorKind::SourceUnavailable), *service)
        }
        (Kind::Bucket(service), object_store::Error::PermissionDenied { .. }) => {
            permission_steps(new(ErrorKind::SourceUnavailable), *service)
        }
        (Kind::Local(_), _) => local_steps(new(ErrorKind::SourceUnavailable), error),
        _ => network_steps(new(ErrorKind::SourceUnavailable), error),
    }
}

/// How credentials of a service are given.
pub(super) fn credential_steps(error: Error, service: Service) -> Error {
    match service {
        Service::S3 => error
            .then("set `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_REGION` (and `AWS_ENDPOINT_URL` if it is not Amazon's)")
            .then("profiles in `~/.aws` are not read; take them over: `eval \"$(aws configure export-credentials --format env)\"`")
            .then("a bucket that anybody may read: `export AWS_SKIP_SIGNATURE=true`"),
        Service::Gcs => error
            .then("name a service account's key file: `export GOOGLE_SERVICE_ACCOUNT=key.json`")
            .then("or log in: `gcloud auth application-default login`")
            .then("a bucket that anybody may read: `export GOOGLE_SKIP_SIGNATURE=true`"),
        Service::Azure => error
            .then("set `AZURE_STORAGE_ACCOUNT_NAME` and `AZURE_STORAGE_ACCOUNT_KEY` (or `AZURE_STORAGE_SAS_TOKEN`)")
            .then("or use your login: `az login` and `export AZURE_CREDENTIAL_TYPE=azure_cli`")
            .then("a container that anybody may read: `export AZURE_SKIP_SIGNATURE=true`"),
    }
}

fn permission_steps(error: Error, service: Service) -> Error {
    let needed = match service {
        Service::S3 => {
            "`s3:GetObject` and `s3:ListBucket` (without the latter an absent object looks forbidden), and to write also `s3:PutObject` and `s3:DeleteObject`"
        }
        Service::Gcs => "the role `Storage Object User`, or `Storage Object Viewer` to read only",
        Service::Azure => {
            "the role `Storage Blob Data Contributor`, or `Storage Blob Data Reader` to read only"
        }
    };
    error.then(format!("these credentials need {needed}; see docs/stores.md"))
}

fn local_steps(error: Error, cause: &object_store::Error) -> Error {
    let kind = find::<io::Error>(cause).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::PermissionDenied) => {
            error.then("you may not write (or read) there: change the owner or the rights of that directory")
        }
        Some(io::ErrorKind::ReadOnlyFilesystem) => {
            error.then("the file system is mounted to be read only: mount it writable, or use another place")
        }
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => error
            .then("make room on that disk; what was committed before is whole")
            .then("then run the command again"),
        Some(io::ErrorKind::NotADirectory) => {
            error.then("a file is where a directory should be: move it out of the catalog")
        }
        Some(io::ErrorKind::IsADirectory) => {
            error.then("a directory is where a file should be: move it out of the catalog")
        }
        _ => error.then(
            "check that the place exists, that it has space left and that you may read and write there",
        ),
    }
}

fn network_steps(error: Error, cause: &object_store::Error) -> Error {
    match find::<HttpError>(cause).map(HttpError::kind) {
        Some(HttpErrorKind::Connect) => {
            error.then("check the endpoint in the environment, that it runs and that this machine reaches it")
        }
        Some(HttpErrorKind::Timeout) => error
            .then("try again; a commit that was under way is there whole or not at all")
            .then("on a slow line allow more time: `export AWS_TIMEOUT=10m` (or GOOGLE_, AZURE_)"),
        _ => error.then("try again; a commit that was under way is there whole or not at all"),
    }
}

/// The service's own words if it said any, else the whole chain of causes.
fn observed(text: &str) -> String {
    if let Some(at) = text.find(NO_CREDENTIALS) {
        return text[at..].to_owned();
    }
    match (element(text, "Code"), element(text, "Message")) {
        (Some(code), Some(message)) => {
            format!("the service says {code}: {}", message.lines().next().unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once("</")?.0)
}

fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        current = error.source();
    }
    None
}

/// An error and what caused it, in one line.
pub(super) fn causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
