//! The start of a command: its pipes, its first process, and the maps that the helper writes itself. What happens after
//! that, up to execve, is progress.zig.
const std = @import("std");
const answers = @import("answers.zig");
const commands = @import("commands.zig");
const procErrno = @import("host.zig").procErrno;
const directory = @import("directory.zig");
const id_maps = @import("id_maps.zig");
const inherited = @import("inherited.zig");
const input = @import("input.zig");
const keyrings = @import("keyrings.zig");
const launch = @import("launch.zig");
const limits = @import("limits.zig");
const loop = @import("loop.zig");
const map_runner = @import("map_runner.zig");
const Item = @import("messages.zig").Item;
const oom_score = @import("oom_score.zig");
const plans = @import("plan.zig");
const progress = @import("progress.zig");
const reaper = @import("reaper.zig");
const report = @import("report.zig");
const standard = @import("standard.zig");
const streams = @import("streams.zig");
const sys = @import("sys.zig");
const linux = sys.linux;

const Plan = plans.Plan;
const Failure = report.Failure;

/// What is being started, for the fuzz program's kernel.
pub var current: *const Plan = undefined;

/// Starts `plan`, which lies in `place` where its child may share the helper's memory. The client is told of every
/// outcome, now or later.
pub fn start(id: u32, plan: *Plan, place: ?*launch.Place) void {
    std.debug.assert(place == null or plan == place.?.plan);
    if (@import("options").fuzz) current = plan;
    const index = commands.add(id) orelse {
        if (place) |taken| taken.release();
        const detail = std.fmt.comptimePrint("commands: at most {d} at once", .{limits.commands_max});
        return answers.refused(id, .{ .stage = .limit, .detail = detail });
    };
    const command = commands.get(index);
    command.place = place;
    command.freeze = plan.request.freeze;
    command.leads_group = plan.leadsGroup();
    standard.lend(command, plan);
    command.death_signal = @intCast(plan.request.parent_death_signal);
    command.foreground = plan.request.foreground and plan.leadsGroup();
    keyrings.look(plan);
    const failure = launchProcesses(index, plan);
    closeProgramEnds(plan);
    if (standard.is_for_one) standard.release();
    const reason = failure orelse return progress.begin(index, plan);
    progress.fail(index, reason);
    // The client hears of the failure when nothing is left.
    if (command.livingProcesses() == 0) progress.finish(index);
}

fn launchProcesses(index: commands.Index, plan: *Plan) ?Failure {
    const command = commands.get(index);
    if (openPipes(command, plan)) |failure| return failure;
    if (plan.request.seal_input) if (input.seal(plan)) |failure| return failure;
    // Read when a process has ended, too, and not only at its end: reading must not wait.
    const report_pipe = switch (makePipe(.{ .CLOEXEC = true, .NONBLOCK = true })) {
        .ends => |ends| ends,
        .errno => |errno| return pipeFailure(errno, .none, 0),
    };
    command.report = report_pipe.reader;
    plan.report = report_pipe.writer;
    if (plan.waitsForGo()) {
        const go_pipe = switch (makePipe(.{ .CLOEXEC = true })) {
            .ends => |ends| ends,
            .errno => |errno| return pipeFailure(errno, .none, 0),
        };
        plan.go = go_pipe.reader;
        command.go = go_pipe.writer;
    }
    const writer = plan.mapsWriter();
    const proc_errno = if (writer == .none) 0 else usableProcErrno();
    if (proc_errno != 0) return .{
        .stage = .set_id_map,
        .call = .open,
        .errno = proc_errno,
        .item = if (plan.request.uid_maps.len > 0) .uid_map else .gid_map,
        .detail = .ofProc(proc_errno),
    };
    inherited.beforeClone(plan);
    oom_score.follow();
    directory.enter(plan);
    defer directory.leave();
    if (cloneFirst(index, plan)) |failure| return failure;
    if (plan.diagnose != null) return null;
    return switch (writer) {
        .none, .joiner => null,
        .helper => writeMaps(plan, progress.firstPid(command)),
        .commands => launchMapRunner(index, plan),
    };
}

/// The command's own process, or its joiner.
fn cloneFirst(index: commands.Index, plan: *Plan) ?Failure {
    const command = commands.get(index);
    command.unclaimed_before = reaper.unclaimedSoFar();
    var result = clone(plan, command.place);
    if (sys.errnoOf(result) != 0 and plan.firstNamespaces() != 0) {
        plan.diagnose = sys.errnoOf(result);
        result = clone(plan, command.place);
    }
    const errno = sys.errnoOf(result);
    if (errno != 0) {
        return .{ .stage = .fork, .call = plan.host.cloneCall(), .errno = errno };
    }
    // There are more slots for processes than commands could have.
    const added = commands.addProcess(index, if (plan.hasJoiner()) .joiner else .child, @intCast(result));
    std.debug.assert(added);
    const watch_errno = loop.watchReport(command.report, index);
    if (watch_errno != 0) return .{ .stage = .pipe_error, .call = .epoll_ctl, .errno = watch_errno };
    return null;
}

fn clone(plan: *Plan, place: ?*launch.Place) usize {
    if (place) |taken| {
        const result = launch.sharingMemory(taken);
        // User-mode emulation (qemu-user) has no process that shares its parent's memory.
        if (!sys.isError(result, .INVAL)) return result;
    }
    return launch.likeFork(plan);
}

fn launchMapRunner(index: commands.Index, plan: *Plan) ?Failure {
    const command = commands.get(index);
    const pid_pipe = switch (makePipe(.{ .CLOEXEC = true })) {
        .ends => |ends| ends,
        .errno => |errno| return pipeFailure(errno, .none, 0),
    };
    defer sys.close(pid_pipe.reader);
    command.map_pid = pid_pipe.writer;
    // A program that writes more than there is room for goes on without the rest, and nobody waits.
    const stderr_pipe = switch (makePipe(.{ .CLOEXEC = true, .NONBLOCK = true })) {
        .ends => |ends| ends,
        .errno => |errno| return pipeFailure(errno, .none, 0),
    };
    defer sys.close(stderr_pipe.writer);
    command.map_stderr = stderr_pipe.reader;
    const result = map_runner.launch(plan, .{ .pid = pid_pipe.reader, .stderr = stderr_pipe.writer });
    const errno = sys.errnoOf(result);
    if (errno != 0) {
        return .{ .stage = .fork, .call = plan.host.cloneCall(), .errno = errno };
    }
    const added = commands.addProcess(index, .map_runner, @intCast(result));
    std.debug.assert(added);
    return null;
}

/// Of a process that has died, there is more to tell when it is reaped.
fn writeMaps(plan: *const Plan, pid: sys.pid_t) ?Failure {
    const failure = id_maps.write(plan, -1, pid) orelse return null;
    return if (sys.hasEnded(pid)) null else failure;
}

/// Once found to be usable, it is taken to stay so: nobody mounts another /proc over it by chance.
var proc_was_usable = false;

/// As at the start, for the fuzz program.
pub fn reset() void {
    proc_was_usable = false;
}

fn usableProcErrno() u16 {
    if (proc_was_usable) return 0;
    const errno = procErrno();
    proc_was_usable = errno == 0;
    return errno;
}

const PipeEnds = struct { reader: sys.fd_t, writer: sys.fd_t };
const PipeResult = union(enum) { ends: PipeEnds, errno: u16 };

fn makePipe(flags: linux.O) PipeResult {
    var ends: [2]sys.fd_t = undefined;
    const errno = sys.errnoOf(linux.pipe2(&ends, flags));
    return if (errno == 0) .{ .ends = .{ .reader = ends[0], .writer = ends[1] } } else .{ .errno = errno };
}

fn pipeFailure(errno: u16, item: Item, number: sys.fd_t) Failure {
    return .{ .stage = .create_pipe, .call = .pipe2, .errno = errno, .item = item, .index = @intCast(number) };
}

fn openPipes(command: *commands.Command, plan: *Plan) ?Failure {
    for (plan.descriptors_buffer[0..plan.descriptors_count]) |*descriptor| {
        const program_reads = switch (descriptor.source) {
            .pipe_read => true,
            .pipe_write => false,
            .stream_read, .stream_write => {
                if (openStream(command, plan, descriptor)) |failure| return failure;
                continue;
            },
            else => continue,
        };
        const ends = switch (makePipe(.{ .CLOEXEC = true })) {
            .ends => |made| made,
            .errno => |errno| return pipeFailure(errno, .descriptor, descriptor.number),
        };
        if (commands.takeLargePipe(command)) makeLarge(ends.reader);
        descriptor.fd = if (program_reads) ends.reader else ends.writer;
        const kept: commands.Pipe = .{
            .number = descriptor.number,
            .end = if (program_reads) ends.writer else ends.reader,
            .reader = if (program_reads) ends.reader else -1,
            .next = commands.none,
        };
        if (!commands.addPipe(command, kept)) {
            sys.close(kept.end);
            // The reading end is in nobody's hands but ours here; closeProgramEnds closes writing ends.
            if (program_reads) sys.close(kept.reader);
            return .{ .stage = .limit, .item = .descriptor, .index = @intCast(descriptor.number), .detail = .pipes };
        }
    }
    return null;
}

/// A pipe whose bytes travel in messages.
fn openStream(command: *commands.Command, plan: *const Plan, descriptor: *plans.Descriptor) ?Failure {
    const ends = switch (makePipe(.{ .CLOEXEC = true })) {
        .ends => |made| made,
        .errno => |errno| return pipeFailure(errno, .descriptor, descriptor.number),
    };
    const is_input = descriptor.source == .stream_read;
    descriptor.fd = if (is_input) ends.reader else ends.writer;
    const own = if (is_input) ends.writer else ends.reader;
    const index = streams.open(command, descriptor.number, own, is_input) orelse {
        sys.close(own);
        return .{ .stage = .limit, .item = .descriptor, .index = @intCast(descriptor.number), .detail = .streams };
    };
    // The helper waits for nobody. The program's end has flags of its own.
    const result = sys.fcntl(own, sys.F_SETFL, sys.open_nonblock);
    if (sys.errnoOf(result) != 0) return streamFailure(.fcntl, sys.errnoOf(result), descriptor.number);
    if (!is_input) return null;
    const asked = plan.inputOf(descriptor.number);
    const errno = streams.beginInput(index, asked.input, asked.input_ends) orelse return null;
    return streamFailure(.write, errno, descriptor.number);
}

fn streamFailure(call: report.Call, errno: u16, number: sys.fd_t) Failure {
    return .{ .stage = .create_pipe, .call = call, .errno = errno, .item = .descriptor, .index = @intCast(number) };
}

/// With the usual 64 KiB, program and client wait for each other so often that a socket pair, which has more, is faster.
fn makeLarge(pipe: sys.fd_t) void {
    // Where the user's pipes have too much room already, or a limit is below this, it stays as it is.
    _ = sys.fcntl(pipe, sys.F_SETPIPE_SZ, limits.large_pipe_size);
}

/// What only the child needs. Its reading ends stay open here until the client has opened the writing ones.
fn closeProgramEnds(plan: *const Plan) void {
    for (plan.descriptors()) |descriptor| {
        const is_childs = switch (descriptor.source) {
            // The client opens the other end, which takes a reader.
            .pipe_read => false,
            else => true,
        };
        if (is_childs and descriptor.fd >= 0) sys.close(descriptor.fd);
    }
    for (plan.request.joins) |join| {
        if (join.helper_descriptor > 0) sys.close(@intCast(join.helper_descriptor));
    }
    if (plan.report >= 0) sys.close(plan.report);
    if (plan.go >= 0) sys.close(plan.go);
}
