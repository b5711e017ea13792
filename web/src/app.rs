//! The application: what every panel shares, and which page is shown.

use std::sync::Arc;

use engine::protocol::{Answer, CatalogInfo, Op, Problem, SeriesInfo};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::backtest::BacktestPage;
use crate::browser;
use crate::catalog::CatalogPage;
use crate::chart::ChartPage;
use crate::model::fragment::{Fragment, View};
use crate::parts::problem::ProblemPanel;
use crate::shell::{Footer, Header, KeyHelp, Notices, listen_to_keys, theme::Theme};
use crate::worker::{Engine, WorkerState, problem};

/// Something that is being fetched.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Load<T> {
    Loading,
    Ready(T),
    Failed(Problem),
}

/// What every panel shares; copied freely and found with [`page`].
#[derive(Clone, Copy)]
pub(crate) struct Page {
    pub(crate) engine: Engine,
    /// What the address says.
    pub(crate) fragment: RwSignal<Fragment>,
    /// What in the address could not be read.
    pub(crate) complaints: RwSignal<Vec<String>>,
    pub(crate) catalog: RwSignal<Load<Arc<CatalogInfo>>>,
    /// The catalog's absolute URL.
    pub(crate) catalog_url: Memo<String>,
    /// The last short message, such as "link copied".
    pub(crate) notice: RwSignal<String>,
    pub(crate) theme: RwSignal<Theme>,
    pub(crate) help_open: RwSignal<bool>,
}

/// What every panel shares.
pub(crate) fn page() -> Page {
    expect_context()
}

impl Page {
    fn new() -> Self {
        let (fragment, complaints) = Fragment::parse(&browser::fragment());
        let fragment = RwSignal::new(fragment);
        let catalog_url = Memo::new(move |_| {
            let wanted = fragment
                .with(|fragment| fragment.catalog.clone())
                .or_else(|| browser::query_value("catalog"));
            let url = wanted.as_deref().and_then(browser::absolute).or_else(|| browser::absolute("catalog/"));
            let url = url.unwrap_or_default();
            if url.ends_with('/') { url } else { format!("{url}/") }
        });
        Self {
            engine: Engine::start(),
            fragment,
            complaints: RwSignal::new(complaints),
            catalog: RwSignal::new(Load::Loading),
            catalog_url,
            notice: RwSignal::new(String::new()),
            theme: RwSignal::new(Theme::stored()),
            help_open: RwSignal::new(false),
        }
    }

    /// Changes what is shown and adds it to the history.
    pub(crate) fn go(self, change: impl FnOnce(&mut Fragment)) {
        self.change(change, true);
    }

    /// Changes what is shown in place, as while typing or panning.
    pub(crate) fn adjust(self, change: impl FnOnce(&mut Fragment)) {
        self.change(change, false);
    }

    fn change(self, change: impl FnOnce(&mut Fragment), keep_history: bool) {
        let mut fragment = self.fragment.get_untracked();
        change(&mut fragment);
        if fragment != self.fragment.get_untracked() {
            browser::set_fragment(&fragment.print(), keep_history);
            self.fragment.set(fragment);
            self.complaints.set(Vec::new());
        }
    }

    /// Takes over what the address says now, after back, forward or a link.
    fn follow_address(self) {
        let (fragment, complaints) = Fragment::parse(&browser::fragment());
        if fragment != self.fragment.get_untracked() {
            self.fragment.set(fragment);
            self.complaints.set(complaints);
        }
    }

    /// The series that are there; none before the catalog is open.
    pub(crate) fn series(self) -> Vec<SeriesInfo> {
        self.catalog.with(|catalog| match catalog {
            Load::Ready(catalog) => catalog.series.clone(),
            _ => Vec::new(),
        })
    }

    /// Says something short, aloud as well.
    pub(crate) fn say(self, text: &str) {
        self.notice.set(text.to_owned());
    }

    /// Copies text and says so.
    pub(crate) fn copy(self, text: String, said: &'static str) {
        spawn_local(async move {
            let said = if browser::copy(text).await {
                said
            } else {
                "copying needs https or localhost; select the text instead"
            };
            self.say(said);
        });
    }

    /// Opens the catalog again.
    pub(crate) fn reopen(self) {
        self.catalog.set(Load::Loading);
        let op = Op::Open {
            catalog: self.catalog_url.get_untracked(),
            snapshot: self.fragment.with_untracked(|fragment| fragment.snapshot),
        };
        let question = self.engine.ask(op, None);
        spawn_local(async move {
            match question.answer().await {
                Ok(reply) => match reply.answer {
                    Answer::Open(info) => self.catalog.set(Load::Ready(Arc::new(info))),
                    _ => self.catalog.set(Load::Failed(problem(
                        "the engine answered another question",
                        "",
                        &["reload the page"],
                    ))),
                },
                Err(problem) if problem.kind == "cancelled" => {}
                Err(problem) => self.catalog.set(Load::Failed(problem)),
            }
        });
    }
}

/// Takes the place of the skeleton in index.html.
pub(crate) fn mount() {
    if let Some(skeleton) = browser::document().get_element_by_id("boot") {
        skeleton.remove();
    }
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    let page = Page::new();
    provide_context(page);
    window_event_listener(leptos::ev::popstate, move |_| page.follow_address());
    window_event_listener(leptos::ev::hashchange, move |_| page.follow_address());
    listen_to_keys(page);

    let snapshot = Memo::new(move |_| page.fragment.with(|fragment| fragment.snapshot));
    Effect::new(move || {
        let wanted = (page.catalog_url.get(), snapshot.get(), page.engine.generation.get());
        if wanted.2 > 0 {
            page.reopen();
        }
    });
    let stopped = Memo::new(move |_| match page.engine.state.get() {
        WorkerState::Stopped(problem) => Some(problem),
        _ => None,
    });
    let view = Memo::new(move |_| page.fragment.with(|fragment| fragment.view));
    Effect::new(move || browser::document().set_title(&format!("{} · Barkeep", view.get().title())));

    view! {
        <Header />
        <Notices />
        <main id="main" tabindex="-1">
            {move || match stopped.get() {
                Some(problem) => {
                    view! { <ProblemPanel problem retry="Restart" on_retry=move || page.engine.restart() /> }.into_any()
                }
                None => view! { <CurrentPage view /> }.into_any(),
            }}
        </main>
        <Footer />
        <KeyHelp />
    }
}

/// The page that the address names, once there is a catalog.
#[component]
fn CurrentPage(view: Memo<View>) -> impl IntoView {
    let page = page();
    let load = Memo::new(move |_| match page.catalog.get() {
        Load::Loading => 0,
        Load::Ready(_) => 1,
        Load::Failed(_) => 2,
    });
    move || {
        match load.get() {
        0 => view! { <Opening /> }.into_any(),
        1 => match view.get() {
            View::Catalog => view! { <CatalogPage /> }.into_any(),
            View::Chart => view! { <ChartPage /> }.into_any(),
            View::Backtest => view! { <BacktestPage /> }.into_any(),
        },
        _ => page
            .catalog
            .with_untracked(|catalog| match catalog {
                Load::Failed(problem) => Some(problem.clone()),
                _ => None,
            })
            .map(|problem| view! { <ProblemPanel problem retry="Retry" on_retry=move || page.reopen() other_catalog=true /> })
            .into_any(),
    }
    }
}

/// Shown while the catalog opens.
#[component]
fn Opening() -> impl IntoView {
    let page = page();
    view! {
        <section class="opening" aria-busy="true">
            <p role="status">
                {move || match page.engine.state.get() {
                    WorkerState::Starting => "starting the engine…",
                    _ => "opening the catalog…",
                }}
                <span class="muted mono wrap">{move || page.catalog_url.get()}</span>
            </p>
            <div class="ghost-rows" aria-hidden="true">{(0..12).map(|_| view! { <i></i> }).collect_view()}</div>
        </section>
    }
}
