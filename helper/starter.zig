//! The way of a command from its plan to execve: its pipes, its child, the maps of its user namespace, and the end of its
//! report pipe.
const std = @import("std");
const linux = std.os.linux;
const answers = @import("answers.zig");
const commands = @import("commands.zig");
const procIsOwn = @import("host.zig").procIsOwn;
const id_maps = @import("id_maps.zig");
const launch = @import("launch.zig");
const limits = @import("limits.zig");
const loop = @import("loop.zig");
const plans = @import("plan.zig");
const report = @import("report.zig");
const sys = @import("sys.zig");

const Plan = plans.Plan;
const Failure = report.Failure;

/// Starts `plan`, which lies in `place` where its child may share the helper's memory. The client is told of every
/// outcome, now or later.
pub fn start(id: u32, plan: *Plan, place: ?*launch.Place) void {
    std.debug.assert(place == null or plan == &place.?.plan);
    const index = commands.add(id) orelse {
        if (place) |taken| taken.release();
        const detail = std.fmt.comptimePrint("commands: at most {d} at once", .{limits.commands_max});
        return answers.refused(id, .{ .stage = .limit, .detail = detail });
    };
    const command = commands.get(index);
    command.place = place;
    const failure = launchChild(index, plan);
    closeProgramEnds(plan);
    const reason = failure orelse return;
    if (command.pid != 0) {
        // The child is there, frozen at most. It is reaped before the client hears of the failure.
        command.state = .failing;
        command.failure = reason;
        _ = linux.kill(command.pid, .KILL);
        return;
    }
    endStarting(command);
    commands.closePipes(command);
    commands.remove(index);
    answers.failed(id, reason);
}

fn launchChild(index: commands.Index, plan: *Plan) ?Failure {
    const command = commands.get(index);
    if (openPipes(command, plan)) |failure| return failure;
    const report_pipe = makePipe() catch |err| return pipeFailure(err, .none, 0);
    command.report = report_pipe.reader;
    plan.report = report_pipe.writer;
    if (!plan.hasMaps()) return cloneChild(index, plan);

    if (!procIsUsable()) return .{
        .stage = .set_id_map,
        .call = .open,
        .errno = @intFromEnum(sys.E.NOENT),
        .item = if (plan.uid_maps.len > 0) .uid_map else .gid_map,
        .detail = .proc_not_own,
    };
    const go_pipe = makePipe() catch |err| return pipeFailure(err, .none, 0);
    plan.go = go_pipe.reader;
    // Closed without a byte in it, this ends the child.
    defer sys.close(go_pipe.writer);
    if (cloneChild(index, plan)) |failure| return failure;
    if (plan.diagnose != null) return null;
    if (id_maps.write(plan, command.pid)) |failure| return failure;
    // The pipe is empty, so it takes a byte.
    const written = linux.write(go_pipe.writer, "g", 1);
    std.debug.assert(written == 1);
    return null;
}

fn cloneChild(index: commands.Index, plan: *Plan) ?Failure {
    const command = commands.get(index);
    var result = clone(plan, command.place);
    if (sys.errnoOf(result) != 0 and plan.namespaces != 0) {
        plan.diagnose = sys.errnoOf(result);
        result = clone(plan, command.place);
    }
    const errno = sys.errnoOf(result);
    if (errno != 0) {
        return .{ .stage = .fork, .call = if (plan.host.has_clone3) .clone3 else .clone, .errno = errno };
    }
    commands.setPid(index, @intCast(result));
    const watch_errno = loop.watchReport(command.report, index);
    if (watch_errno != 0) return .{ .stage = .pipe_error, .call = .epoll_ctl, .errno = watch_errno };
    return null;
}

fn clone(plan: *Plan, place: ?*launch.Place) usize {
    return if (place) |taken| launch.sharingMemory(taken) else launch.likeFork(plan);
}

/// Once found to be usable, it is taken to stay so: nobody mounts another /proc over it by chance.
var proc_was_usable = false;

fn procIsUsable() bool {
    if (!proc_was_usable) proc_was_usable = procIsOwn();
    return proc_was_usable;
}

const PipeEnds = struct { reader: sys.fd_t, writer: sys.fd_t };
const PipeError = error{ TooManyFiles, TooManyFilesInSystem, OutOfMemory };

fn makePipe() PipeError!PipeEnds {
    var ends: [2]sys.fd_t = undefined;
    return switch (@as(sys.E, @enumFromInt(sys.errnoOf(linux.pipe2(&ends, .{ .CLOEXEC = true }))))) {
        .SUCCESS => .{ .reader = ends[0], .writer = ends[1] },
        .MFILE => error.TooManyFiles,
        .NFILE => error.TooManyFilesInSystem,
        else => error.OutOfMemory,
    };
}

fn pipeFailure(err: PipeError, item: @import("messages.zig").Item, number: sys.fd_t) Failure {
    const e: sys.E = switch (err) {
        error.TooManyFiles => .MFILE,
        error.TooManyFilesInSystem => .NFILE,
        error.OutOfMemory => .NOMEM,
    };
    return .{ .stage = .create_pipe, .call = .pipe2, .errno = @intFromEnum(e), .item = item, .index = @intCast(number) };
}

fn openPipes(command: *commands.Command, plan: *Plan) ?Failure {
    for (plan.descriptors_buffer[0..plan.descriptors_count]) |*descriptor| {
        const program_reads = switch (descriptor.source) {
            .pipe_read => true,
            .pipe_write => false,
            else => continue,
        };
        const ends = makePipe() catch |err| return pipeFailure(err, .descriptor, descriptor.number);
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

/// With the usual 64 KiB, program and client wait for each other so often that a socket pair, which has more, is faster.
fn makeLarge(pipe: sys.fd_t) void {
    // Where the user's pipes have too much room already, or a limit is below this, it stays as it is.
    _ = sys.fcntl(pipe, sys.F_SETPIPE_SZ, limits.large_pipe_size);
}

/// What only the child needs. Its reading ends stay open here until the client has opened the writing ones.
fn closeProgramEnds(plan: *const Plan) void {
    for (plan.descriptors()) |descriptor| {
        if (descriptor.source == .pipe_write and descriptor.fd >= 0) sys.close(descriptor.fd);
    }
    if (plan.report >= 0) sys.close(plan.report);
    if (plan.go >= 0) sys.close(plan.go);
}

/// Every writing end of the command's report pipe is closed: it became the program, or it died on the way.
pub fn reportEnded(index: commands.Index) void {
    const command = commands.get(index);
    std.debug.assert(command.report >= 0);
    if (command.state == .starting) takeReport(command);
    endStarting(command);
    if (command.state == .running) answers.spawned(command);
}

fn takeReport(command: *commands.Command) void {
    std.debug.assert(command.state == .starting);
    var records: [report.records_max]report.Record = undefined;
    const size = linux.read(command.report, @ptrCast(&records), @sizeOf(@TypeOf(records)));
    if (sys.errnoOf(size) != 0) {
        command.failure = .{ .stage = .pipe_error, .call = .read, .errno = sys.errnoOf(size) };
        command.state = .failing;
        _ = linux.kill(command.pid, .KILL);
        return;
    }
    std.debug.assert(size % @sizeOf(report.Record) == 0);
    // Without any record, the child died before it came to execve; what ended it is known once it is reaped.
    command.state = .failing;
    for (records[0 .. size / @sizeOf(report.Record)]) |record| switch (record.kind) {
        .about_to_exec => command.state = .running,
        .failed => {
            command.state = .failing;
            command.failure = record.failure;
        },
    };
}

/// The child does not use the report pipe and the shared memory any more, or there is none.
fn endStarting(command: *commands.Command) void {
    if (command.report >= 0) {
        loop.unwatchReport(command.report);
        sys.close(command.report);
        command.report = -1;
    }
    if (command.place) |place| place.release();
    command.place = null;
}
