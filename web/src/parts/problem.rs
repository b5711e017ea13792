//! The one shape of errors: what happened, why we think so, what to do, and a way on.

use engine::protocol::Problem;
use leptos::prelude::*;

use crate::app::page;
use crate::worker::problem;

/// A problem in the place of what it prevented.
#[component]
pub(crate) fn ProblemPanel(
    problem: Problem,
    /// What the button says that tries again.
    #[prop(default = "Retry")]
    retry: &'static str,
    on_retry: impl Fn() + 'static,
    /// Whether to offer to open another catalog.
    #[prop(optional)]
    other_catalog: bool,
) -> impl IntoView {
    let page = page();
    let details = details(&problem);
    let what = problem.what.clone();
    let what = move || marked(&sentence(&what), false);
    let cross = || view! { <span class="bad" aria-hidden="true">"✖ "</span> };
    // Where it stands for the whole view, it is the view's title.
    let heading = if other_catalog {
        view! { <h1>{cross()}{what()}</h1> }.into_any()
    } else {
        view! { <h2>{cross()}{what()}</h2> }.into_any()
    };
    view! {
        <section class="problem" role="alert" data-kind=problem.kind.clone()>
            {heading}
            {why(&problem.why)}
            <ol>{problem.next.iter().map(|step| view! { <li>{marked(step, true)}</li> }).collect_view()}</ol>
            <p class="actions">
                <button class="primary" on:click=move |_| on_retry()>{retry}</button>
                <button on:click=move |_| page.copy(details.clone(), "details copied")>"Copy details"</button>
            </p>
            {other_catalog.then(|| view! { <OpenCatalog /> })}
        </section>
    }
}

/// What says so; several lines are a text with carets below the wrong word.
fn why(why: &str) -> Option<AnyView> {
    if why.contains('\n') {
        // On the command line the second line is indented like the first.
        return Some(view! { <pre class="why">{why.replace("\n  ", "\n")}</pre> }.into_any());
    }
    let told = || view! { <p class="why"><b>"Why we think so: "</b>{marked(why, false)}</p> }.into_any();
    (!why.is_empty()).then(told)
}

/// A field to open another catalog.
#[component]
pub(crate) fn OpenCatalog() -> impl IntoView {
    let page = page();
    let text = RwSignal::new(page.catalog_url.get_untracked());
    let open = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let url = text.get_untracked().trim().to_owned();
        page.go(|fragment| *fragment = fragment.with_catalog((!url.is_empty()).then_some(url)));
    };
    view! {
        <form class="open-catalog" on:submit=open>
            <label>
                "Open another catalog by its URL"
                <input type="url" inputmode="url" spellcheck="false" bind:value=text placeholder="https://data.example/catalog/" />
            </label>
            <button>"Open"</button>
        </form>
    }
}

/// A problem that the page itself names, such as a link to a series that is not there.
pub(crate) fn not_found(what: &str, why: &str, next: &[&str]) -> Problem {
    Problem { kind: "not_found".into(), ..problem(what, why, next) }
}

/// Text in which `backticks` mark code, with a button to copy it where one acts on it.
fn marked(text: &str, copyable: bool) -> impl IntoView + use<> {
    let page = page();
    let piece = move |(index, piece): (usize, &str)| {
        let piece = piece.to_owned();
        if index % 2 == 0 {
            return piece.into_any();
        }
        let copied = piece.clone();
        let label = format!("Copy {piece}");
        view! {
            <code>{piece}</code>
            {copyable.then(|| view! { <button class="copy" aria-label=label on:click=move |_| page.copy(copied.clone(), "copied")>"copy"</button> })}
        }
        .into_any()
    };
    text.split('`').enumerate().map(piece).collect_view()
}

fn details(problem: &Problem) -> String {
    let page = page();
    let mut out = format!("error: {}\n  {}\n", problem.what, problem.why);
    for (index, step) in problem.next.iter().enumerate() {
        out.push_str(&format!("  {}. {step}\n", index + 1));
    }
    let url = page.catalog_url.get_untracked();
    out + &format!(
        "kind {} · catalog {url} · engine {} · {}\n",
        problem.kind,
        engine::protocol::BUILD,
        page.fragment.with_untracked(|f| f.print())
    )
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
