"""Modes hold for their block and not an instruction longer: whatever ends it, an error, Ctrl-C or a `yield`."""

import asyncio
import contextlib
import copy
import gc
import os
import pickle
import sys
import threading
import warnings

import pytest

import autograd
from autograd import Value, blocks, collector, collector_paused, detect_anomaly, modes, no_grad, scope
from autograd.scopes import current
from nn import MLP


def state():
    """What holds here, as operations see it."""
    return {
        "recording": modes.is_recording(),
        "checking": modes.is_checking(),
        "trace": modes.trace() is not None,
        "scope": current() and current().name,
        "reverse": blocks.in_force("reverse", otherwise=False),
        "collector": gc.isenabled(),
    }


OUTSIDE = {"recording": True, "checking": False, "trace": False, "scope": None, "reverse": False, "collector": True}
MODES = {
    "no_grad": (no_grad, {"recording": False}),
    "detect_anomaly": (detect_anomaly, {"checking": True}),
    "Trace": (modes.Trace, {"trace": True}),
    "reverse": (modes.reverse, {"reverse": True}),
    "scope": (lambda: scope("here"), {"scope": "here"}),
    "collector_paused": (collector_paused, {"collector": False}),
}
every_mode = pytest.mark.parametrize("name", MODES)


def assert_nothing_holds():
    assert state() == OUTSIDE
    x = Value(2.0)
    assert (x * x).parents == (x, x)
    assert not blocks.active
    assert not blocks.traces


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


class CtrlC(BaseException):
    pass


def interrupted(program, last):
    """Run the program until there is an interrupt before instruction `last` of it and of the engine's modes.

    Returns:
        The error, which keeps its traceback and what is in it alive; None where the program has ended before.
    """
    count = 0

    def trace(frame, event, _argument):
        nonlocal count
        frame.f_trace_opcodes = True
        if event in ("opcode", "line"):
            count += 1
            if count > last:
                raise CtrlC
        return trace if frame.f_code.co_filename in FILES else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        program()
    except CtrlC as error:
        return error
    finally:
        sys.settrace(before)
        collector._lock = type(collector._lock)()  # no signal comes before a lock is released; this did
    assert count > 10
    return None


def interrupted_everywhere(program):
    """Interrupt the program before every instruction in turn. What it leaves behind is to be looked at each time."""
    last = 0
    while error := interrupted(program, last):
        yield error
        last += 1


FILES = {
    __file__,
    blocks.__file__,
    collector.__file__,
    modes.__file__,
    autograd.scopes.__file__,
    autograd.transforms.__file__,
}


@every_mode
def test_ctrl_c_before_any_instruction_leaves_nothing_behind(name):
    mode, _ = MODES[name]

    def program():
        with mode():
            pass

    for _ in interrupted_everywhere(program):
        assert_nothing_holds()
    assert_nothing_holds()


@every_mode
def test_ctrl_c_in_a_mode_that_is_used_again_and_within_others(name):
    mode, holds = MODES[name]
    kept = mode()

    def program():
        with no_grad(), kept, modes.recording(), kept:
            pass

    for _ in interrupted_everywhere(program):
        assert state() == OUTSIDE
    with kept:
        assert state() == OUTSIDE | holds


@pytest.mark.parametrize(
    "program",
    [
        lambda: autograd.grad(lambda x: x * x)(2.0),
        lambda: autograd.jvp(lambda x: x * x, (2.0,), (1.0,)),
        lambda: MLP(1, [1], rng=0)([1.0]),
        no_grad()(lambda: None),
    ],
    ids=["grad", "jvp", "MLP", "decorator"],
)
def test_ctrl_c_in_what_uses_modes(program):
    for _ in interrupted_everywhere(program):
        assert_nothing_holds()


@every_mode
@pytest.mark.parametrize("other", [no_grad, collector_paused, lambda: scope("handler")])
def test_a_handler_of_signals_may_use_modes_before_any_instruction(name, other):
    mode, holds = MODES[name]

    def program():
        with mode():
            seen.append(state())

    def handle(frame, _event, _argument):
        nonlocal count
        frame.f_trace_opcodes = True
        if count < last:  # else it has been called
            count += 1
            if count == last:
                sys.settrace(None)
                with other():
                    pass
        return handle if frame.f_code.co_filename in FILES else None

    before, last, count = sys.gettrace(), 0, 0
    while count == last:
        last, seen, count = last + 1, [], 0
        sys.settrace(handle)
        program()
        sys.settrace(before)
        assert seen == [OUTSIDE | holds]
        assert_nothing_holds()
    assert last > 30


def test_ctrl_c_in_a_decorated_generator():
    @no_grad()
    def body():
        yield modes.is_recording()

    def program():
        assert list(body()) == [False]

    for _ in interrupted_everywhere(program):
        assert_nothing_holds()


# --- Ways to enter and to leave --------------------------------------------------------------------------------------


@every_mode
def test_a_mode_entered_by_hand_and_by_contextlib(name):
    mode, holds = MODES[name]
    by_hand = mode()
    for _ in range(2):
        by_hand.__enter__()
        by_hand.__enter__()
        assert state() == OUTSIDE | holds
        by_hand.__exit__(None, None, None)
        assert state() == OUTSIDE | holds
        by_hand.__exit__(None, None, None)
        assert_nothing_holds()
    with contextlib.ExitStack() as stack:
        stack.enter_context(mode())
        stack.enter_context(by_hand)
        assert state() == OUTSIDE | holds
    assert_nothing_holds()
    with pytest.raises(AttributeError), contextlib.ExitStack() as stack:
        stack.enter_context(mode()).missing
    assert_nothing_holds()


@every_mode
def test_looking_at_the_methods_of_a_mode_changes_nothing(name):
    mode, holds = MODES[name]
    by_hand = mode()
    assert hasattr(by_hand, "__exit__")
    assert_nothing_holds()
    by_hand.__enter__()
    assert hasattr(by_hand, "__exit__")
    assert state() == OUTSIDE | holds
    with by_hand:
        assert state() == OUTSIDE | holds
    assert state() == OUTSIDE | holds
    by_hand.__exit__(None, None, None)
    assert_nothing_holds()


@every_mode
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda mode: pickle.loads(pickle.dumps(mode))])
def test_a_copy_of_a_mode_is_one_of_its_own(name, copied):
    mode, holds = MODES[name]
    original = mode()
    original.__enter__()
    other = copied(original)
    other.__exit__(None, None, None)
    assert state() == OUTSIDE | holds
    original.__exit__(None, None, None)
    assert_nothing_holds()
    with other:
        assert state() == OUTSIDE | holds
    assert_nothing_holds()


def test_a_task_may_use_a_mode_that_is_entered_around_it():
    shared, seen = no_grad(), []

    async def child():
        with shared:
            seen.append(modes.is_recording())

    async def parent():
        with contextlib.ExitStack() as stack:
            stack.enter_context(shared)
            await asyncio.gather(child())
            seen.append(modes.is_recording())

    asyncio.run(parent())
    assert seen == [False, False]
    assert_nothing_holds()


def test_blocks_that_overlap_for_ever_are_forgotten():
    def block():
        with no_grad():
            yield

    before = None
    for _ in range(100):
        after = block()
        next(after)
        if before:
            before.close()
        before = after
    depth, around = 0, blocks.innermost()
    while around is not blocks.OUTSIDE:
        depth, around = depth + 1, around.around
    assert depth < 4
    assert len(blocks.active) < 4
    before.close()
    assert_nothing_holds()


@every_mode
def test_an_interpreter_may_look_for_exit_before_enter(name):
    """CPython 3.14 does."""
    mode, holds = MODES[name]
    kept = mode()
    for _ in range(2):
        leave = kept.__exit__
        enter = kept.__enter__
        enter()
        assert state() == OUTSIDE | holds
        leave(None, None, None)
        del enter, leave
        assert_nothing_holds()


@every_mode
def test_a_mode_within_itself_and_others(name):
    mode, holds = MODES[name]
    again = mode()
    with no_grad(), again:
        assert state() == OUTSIDE | {"recording": False} | holds
        with modes.recording(), again:
            assert state() == OUTSIDE | holds
        assert state() == OUTSIDE | {"recording": False} | holds
    assert_nothing_holds()


def test_threads_may_share_a_mode():
    shared, ready, seen = no_grad(), threading.Barrier(2), []

    def work():
        for _ in range(50):
            ready.wait(60)
            with shared:
                inside = modes.is_recording()
                ready.wait(60)
            seen.append((inside, modes.is_recording()))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(False, True)] * 100
    assert_nothing_holds()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes that are copies of others")
@pytest.mark.parametrize("own", [True, False])
def test_a_forked_process_has_the_pauses_of_its_own_thread_alone(own):
    entered, done = threading.Event(), threading.Event()

    def pause():
        with collector_paused():
            entered.set()
            done.wait(60)

    thread = threading.Thread(target=pause)
    thread.start()
    entered.wait(60)
    with collector_paused() if own else contextlib.nullcontext():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on: there is another thread
            child = os.fork()
        if child == 0:
            inside = gc.isenabled()
            with collector_paused():
                pass
            os._exit(0 if inside is not own and gc.isenabled() is not own else 1)
    done.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert gc.isenabled()


def test_a_generator_may_leave_a_mode_within_another_block():
    def generator():
        with no_grad():
            yield
        yield

    steps = generator()
    next(steps)
    with detect_anomaly():
        assert state() == OUTSIDE | {"recording": False, "checking": True}
        next(steps)
        assert state() == OUTSIDE | {"checking": True}
    assert_nothing_holds()


def test_what_a_network_computes_under_no_grad_is_what_it_computes_else():
    model = MLP(2, [3, 2], activation=lambda z: autograd.maximum(z, 0.1 * z).tanh(), rng=0)
    recorded = model.forward([0.3, -0.7])
    with no_grad():
        passed = model.forward([0.3, -0.7])
        with scope("s"):
            scoped = model.forward([0.3, -0.7])
        with detect_anomaly():
            checked = model.forward([0.3, -0.7])
    for other in (passed, scoped, checked):
        for wanted, got in zip([*recorded.z, *recorded.a], [*other.z, *other.a]):
            assert [v.data for v in got] == [v.data for v in wanted]
            assert all(v.is_leaf and v.parents == () for v in got)
    assert scoped.a[0][0]._scope is not None


# --- Decorators ------------------------------------------------------------------------------------------------------


def test_a_decorated_generator_is_in_the_mode_and_who_uses_it_is_not():
    x = Value(3.0)

    @no_grad()
    def products():
        """Products."""
        sent = 1.0
        while True:
            try:
                sent = yield x * sent
            except KeyError:
                sent = yield x * 100
            if sent is None:
                return x * 7

    def user():
        result = yield from products()
        yield result

    steps = user()
    made = [next(steps), steps.send(2.0), steps.throw(KeyError()), steps.send(5.0)]
    assert modes.is_recording()
    made.append(steps.send(None))
    assert [v.data for v in made] == [3.0, 6.0, 300.0, 15.0, 21.0]
    assert all(v.is_leaf for v in made)
    assert (products.__name__, products.__doc__) == ("products", "Products.")
    unfinished = products()
    next(unfinished)
    unfinished.close()
    assert_nothing_holds()


def test_closing_a_decorated_generator_runs_its_end_in_the_mode():
    seen = []

    @no_grad()
    def generator():
        try:
            yield
        finally:
            seen.append(modes.is_recording())

    steps = generator()
    next(steps)
    steps.close()
    assert seen == [False]


def test_a_decorated_coroutine_is_in_the_mode_and_what_runs_meanwhile_is_not():
    seen = []

    @no_grad()
    async def inside(x):
        seen.append(modes.is_recording())
        await asyncio.sleep(0)
        seen.append(modes.is_recording())
        return x * 3

    async def outside():
        for _ in range(3):
            seen.append(modes.is_recording())
            await asyncio.sleep(0)

    async def both():
        return (await asyncio.gather(inside(Value(2.0)), outside()))[0]

    result = asyncio.run(both())
    assert (result.data, result.is_leaf) == (6.0, True)
    assert seen == [False, True, False, True, True]
    by_hand = inside(Value(2.0))
    by_hand.send(None)
    assert modes.is_recording()
    by_hand.close()
    assert_nothing_holds()


def test_a_decorated_asynchronous_generator_is_refused():
    with pytest.raises(TypeError, match=r"numbers is an asynchronous generator.*`with` block in its body"):

        @no_grad()
        async def numbers():
            yield 1.0


def test_the_nodes_of_a_decorated_generator_are_in_one_scope():
    x = Value(1.0)

    @scope("steps")
    def steps():
        yield x + 1
        yield x + 2

    first, second = steps()
    assert first._scope is second._scope
    assert first._scope.name == "steps"


def test_what_may_be_decorated():
    class Callable:
        def __call__(self, x):
            return x * 2

    assert no_grad()(Callable())(Value(2.0)).is_leaf
    assert collector_paused()(gc.isenabled)() is False
    assert gc.isenabled()
    assert copy.copy(no_grad()(lambda: 1))() == 1
