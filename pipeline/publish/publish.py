"""Publishing: the zoo in dist/ is brought to a target, or an earlier generation is shown again.

Nothing is removed here; `pipeline.publish.generations.old_generations` removes files.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pipeline.catalog.document import CATALOG_FILE
from pipeline.disk.clock import utc_now
from pipeline.disk.typed_json import WrongJsonError
from pipeline.errors import PublishError
from pipeline.publish.commit import Commit, Progress
from pipeline.publish.dist_contents import DistContents
from pipeline.publish.generations.file_listing import PublishedCatalog, parse_published
from pipeline.publish.generations.generation import Generation, PublishedFile, content_file
from pipeline.publish.generations.state import (
    State,
    load_generation,
    load_published,
    read_state,
)
from pipeline.publish.headers import is_content_named
from pipeline.publish.keep_published import keep_published
from pipeline.publish.plan import Plan, make_plan
from pipeline.publish.targets.stored_record import MAX_RECORD_BYTES
from pipeline.publish.targets.target import Notify, Target

Render = Callable[[Mapping[str, object]], Mapping[str, bytes]]
"""Makes the pages of a catalog, by path; it takes the decoded models.json."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """The result of a publish, or of its preview.

    Attributes:
        plan: The plan that was carried out.
        before: The generation that was current before; None before the first publish.
        shown: The generation that is current now.
        sizes: Size of every file in the target now, by path, apart from new records.
    """

    plan: Plan
    before: Generation | None
    shown: Generation
    sizes: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Publishes to a target.

    Attributes:
        target: The target.
        notify: Shows messages while the publish is under way.
        progress: Shows how many bytes are written.
    """

    target: Target
    notify: Notify
    progress: Progress

    def preview(
        self, contents: DistContents, *, render: Render | None, again: bool = False
    ) -> Published:
        """Return the result that a publish would have; nothing is written."""
        state = read_state(self.target)
        plan = self._plan(contents, state, render=render, again=again)
        return _published(plan, state, _generation(plan))

    def publish(
        self, contents: DistContents, *, render: Render | None, again: bool = False
    ) -> Published:
        """Publish a zoo.

        Args:
            contents: The zoo, as dist/ holds it.
            render: Makes the pages anew where models that failed stay as they were published;
                None for a zoo without pages.
            again: Write files that the target has already, too.

        Raises:
            PublishError: The zoo cannot be published as it is.
            TargetError: The target failed; the next publish goes on from there.
        """
        with self.target.hold(self.notify) as check:
            state = read_state(self.target)
            plan = self._plan(contents, state, render=render, again=again, warn=True)
            return self._commit(state, plan, check)

    def roll_back(self, number: int | None) -> Published:
        """Show an earlier generation again, as a new one.

        Args:
            number: Number of the generation; None for the one before the current one.

        Raises:
            PublishError: The generation is not kept, or files of it are gone.
        """
        with self.target.hold(self.notify) as check:
            state = read_state(self.target)
            wanted = load_generation(self.target, _choose(state, number, self.target.shown))
            plan = make_plan(self._contents_of(wanted, state), state, again=False)
            return self._commit(state, plan, check, rollback_of=wanted.number)

    def _commit(
        self,
        state: State,
        plan: Plan,
        check: Callable[[], None],
        *,
        rollback_of: int | None = None,
    ) -> Published:
        if plan.is_empty and state.current is not None:
            return _published(plan, state, state.current)
        generation = _generation(plan, rollback_of=rollback_of)
        commit = Commit(self.target, state, plan, check=check, progress=self.progress)
        commit.run(generation)
        return _published(plan, state, generation)

    def _contents_of(self, generation: Generation, state: State) -> DistContents:
        """Return the zoo of a generation, after a check that the target has all of its files."""
        for path, file in generation.files.items():
            kept = path if file.immutable else content_file(file.sha256)
            if state.present.get(kept) != file.bytes:
                raise PublishError(
                    f"{self.target.shown}: {path} of generation {generation.number} is gone",
                    hint="choose another generation, or publish what dist/ holds",
                )
        kept = content_file(generation.catalog_sha256)
        content = self.target.read(kept, limit=MAX_RECORD_BYTES) or b""
        try:
            catalog = parse_published(content)
        except WrongJsonError as error:
            raise PublishError(
                f"{self.target.shown}: {kept}: is no catalog: {error}",
                hint="choose another generation, or publish what dist/ holds",
            ) from None
        return DistContents(catalog=catalog, files=generation.files)

    def _plan(
        self,
        contents: DistContents,
        state: State,
        *,
        render: Render | None,
        again: bool,
        warn: bool = False,
    ) -> Plan:
        """Return the plan, in which models that failed stay as they were published."""
        kept = keep_published(
            contents.catalog,
            self._load_published(contents, state, warn=warn),
            present=state.present,
            recorded=state.recorded,
            now=utc_now(),
        )
        if kept.kept:
            made = {CATALOG_FILE: kept.catalog.content}
            made |= render(kept.catalog.document) if render else {}
            files = {path: _describe(path, content) for path, content in made.items()}
            contents = DistContents(
                catalog=kept.catalog,
                files={**contents.files, **kept.files, **files},
                sources={**contents.sources, **made},
            )
        plan = make_plan(contents, state, again=again)
        return replace(plan, kept=kept.kept, lost=kept.lost)

    def _load_published(
        self, contents: DistContents, state: State, *, warn: bool
    ) -> PublishedCatalog | None:
        """Return the published catalog where models failed; say what is lost if it is damaged."""
        failed = any(model.status == "failed" for model in contents.catalog.models)
        if CATALOG_FILE not in state.present or (state.is_recorded and not failed):
            return None
        published, fault = load_published(self.target)
        if fault is not None and warn:
            self.notify(
                f"{self.target.shown}: {CATALOG_FILE}: {fault}; it is replaced, and models that "
                "failed cannot be kept as they were published"
            )
        return published


def _published(plan: Plan, state: State, shown: Generation) -> Published:
    files = plan.contents.files
    kept = {content_file(one.sha256): one.bytes for one in files.values() if not one.immutable}
    sizes = {**state.present, **kept, **{path: one.bytes for path, one in files.items()}}
    return Published(plan=plan, before=state.current, shown=shown, sizes=sizes)


def _generation(plan: Plan, *, rollback_of: int | None = None) -> Generation:
    return Generation(
        number=plan.number,
        published=utc_now(),
        files=dict(sorted(plan.contents.files.items())),
        rollback_of=rollback_of,
    )


def _describe(path: str, content: bytes) -> PublishedFile:
    return PublishedFile(
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        immutable=is_content_named(path),
    )


def _choose(state: State, number: int | None, shown: str) -> int:
    """Return the number of the generation to show again."""
    lines = state.index.generations
    kept = [line.number for line in lines]
    if number is not None and number in kept:
        return number
    listed = ", ".join(map(str, kept)) or "none"
    if number is not None:
        raise PublishError(f"{shown}: generation {number} is not kept; kept: {listed}")
    now = (lines[-1].rollback_of or lines[-1].number) if lines else 0
    earlier = [line.number for line in lines if line.rollback_of is None and line.number < now]
    if not earlier:
        raise PublishError(f"{shown}: no generation before the shown one is kept; kept: {listed}")
    return earlier[-1]
