//! The commands that are being started or live, found by the client's number and by pid; and the client's ends of their
//! pipes. State belongs to the command, never to a pid: pids are used again within seconds.
const std = @import("std");
const launch = @import("launch.zig");
const limits = @import("limits.zig");
const Failure = @import("report.zig").Failure;
const sys = @import("sys.zig");

pub const Index = u16;
pub const none: Index = std.math.maxInt(Index);

comptime {
    std.debug.assert(limits.commands_max <= none);
    std.debug.assert(limits.pipes_max <= none);
}

pub const State = enum {
    /// Between clone and the end of its report pipe.
    starting,
    /// It cannot become the program any more; it only has to be reaped.
    failing,
    /// execve has succeeded.
    running,
    /// Reaped; its pipes are not released yet.
    dead,
};

pub const Command = struct {
    id: u32,
    /// Not reaped, unless `state` is dead.
    pid: sys.pid_t,
    state: State,
    /// Reading end of the report pipe while starting.
    report: sys.fd_t,
    /// Where the child that shares the helper's memory runs while starting.
    place: ?*launch.Place,
    failure: Failure,
    pipes: Index,
    /// How many of its pipes have more than the usual room.
    large_pipes: u8,
    next_by_id: Index,
    next_by_pid: Index,
};

/// The ends of one pipe that the helper keeps until the client has opened its own.
pub const Pipe = struct {
    /// Number in the program.
    number: sys.fd_t,
    /// The client's end.
    end: sys.fd_t,
    /// The program's reading end, which is kept too: a pipe without a reader cannot be opened for writing.
    reader: sys.fd_t,
    next: Index,
};

/// Slots of an array that is only touched as far as it was ever used. `link` is the field that chains free ones.
fn Pool(comptime T: type, comptime count_max: usize, comptime link: []const u8) type {
    return struct {
        var items: [count_max]T = undefined;
        var used: Index = 0;
        var free: Index = none;

        fn take() ?Index {
            if (free != none) {
                const index = free;
                free = @field(items[index], link);
                return index;
            }
            if (used == count_max) return null;
            used += 1;
            return used - 1;
        }

        fn give(index: Index) void {
            std.debug.assert(index < used);
            @field(items[index], link) = free;
            free = index;
        }
    };
}

const buckets_count = 4096;

const pool = Pool(Command, limits.commands_max, "next_by_id");
const pipe_pool = Pool(Pipe, limits.pipes_max, "next");
var by_id: [buckets_count]Index = undefined;
var by_pid: [buckets_count]Index = undefined;

pub fn prepare() void {
    by_id = @splat(none);
    by_pid = @splat(none);
}

fn bucketOf(key: u32) usize {
    return key % buckets_count;
}

/// A new command in state starting, without pid, report and pipes; null where there are commands_max already.
pub fn add(id: u32) ?Index {
    std.debug.assert(findById(id) == null);
    const index = pool.take() orelse return null;
    const bucket = &by_id[bucketOf(id)];
    pool.items[index] = .{
        .id = id,
        .pid = 0,
        .state = .starting,
        .report = -1,
        .place = null,
        .failure = .{ .stage = .unspecified },
        .pipes = none,
        .large_pipes = 0,
        .next_by_id = bucket.*,
        .next_by_pid = none,
    };
    bucket.* = index;
    return index;
}

pub fn get(index: Index) *Command {
    std.debug.assert(index < pool.used);
    return &pool.items[index];
}

pub fn findById(id: u32) ?Index {
    var index = by_id[bucketOf(id)];
    while (index != none) : (index = pool.items[index].next_by_id) {
        if (pool.items[index].id == id) return index;
    }
    return null;
}

pub fn findByPid(pid: sys.pid_t) ?Index {
    var index = by_pid[bucketOf(@intCast(pid))];
    while (index != none) : (index = pool.items[index].next_by_pid) {
        if (pool.items[index].pid == pid) return index;
    }
    return null;
}

pub fn setPid(index: Index, pid: sys.pid_t) void {
    std.debug.assert(pid > 0);
    const command = get(index);
    std.debug.assert(command.pid == 0);
    command.pid = pid;
    const bucket = &by_pid[bucketOf(@intCast(pid))];
    command.next_by_pid = bucket.*;
    bucket.* = index;
}

/// The command was reaped: its pid may be somebody else's from now on.
pub fn clearPid(index: Index) void {
    const command = get(index);
    unlink(&by_pid[bucketOf(@intCast(command.pid))], index, "next_by_pid");
    large_pipes -= command.large_pipes;
    command.large_pipes = 0;
    command.pid = 0;
    command.state = .dead;
}

pub fn remove(index: Index) void {
    const command = get(index);
    std.debug.assert(command.pid == 0);
    std.debug.assert(command.report < 0);
    std.debug.assert(command.place == null);
    std.debug.assert(command.pipes == none);
    // Of a command that never had a child.
    large_pipes -= command.large_pipes;
    unlink(&by_id[bucketOf(command.id)], index, "next_by_id");
    pool.give(index);
}

fn unlink(bucket: *Index, index: Index, comptime link: []const u8) void {
    var at = bucket;
    while (at.* != index) {
        std.debug.assert(at.* != none);
        at = &@field(pool.items[at.*], link);
    }
    at.* = @field(pool.items[index], link);
}

var large_pipes: usize = 0;

/// Whether one more pipe of this command may have more than the usual room. It counts until the command's end.
pub fn takeLargePipe(command: *Command) bool {
    if (large_pipes == limits.large_pipes_max) return false;
    large_pipes += 1;
    command.large_pipes += 1;
    return true;
}

/// False where there are pipes_max already.
pub fn addPipe(command: *Command, pipe: Pipe) bool {
    const index = pipe_pool.take() orelse return false;
    pipe_pool.items[index] = pipe;
    pipe_pool.items[index].next = command.pipes;
    command.pipes = index;
    return true;
}

pub const PipeIterator = struct {
    at: Index,

    pub fn next(iterator: *PipeIterator) ?*Pipe {
        if (iterator.at == none) return null;
        const pipe = &pipe_pool.items[iterator.at];
        iterator.at = pipe.next;
        return pipe;
    }
};

pub fn pipesOf(command: *const Command) PipeIterator {
    return .{ .at = command.pipes };
}

pub fn closePipes(command: *Command) void {
    while (command.pipes != none) {
        const index = command.pipes;
        const pipe = &pipe_pool.items[index];
        sys.close(pipe.end);
        if (pipe.reader >= 0) sys.close(pipe.reader);
        command.pipes = pipe.next;
        pipe_pool.give(index);
    }
}

const testing = std.testing;

test "a command is found by number and by pid until it is removed" {
    prepare();
    const first = add(7).?;
    const second = add(7 + buckets_count).?;
    setPid(first, 100);
    setPid(second, 100 + buckets_count);
    try testing.expectEqual(first, findById(7).?);
    try testing.expectEqual(second, findById(7 + buckets_count).?);
    try testing.expectEqual(first, findByPid(100).?);
    clearPid(first);
    try testing.expectEqual(null, findByPid(100));
    try testing.expectEqual(first, findById(7).?);
    remove(first);
    try testing.expectEqual(null, findById(7));
    try testing.expectEqual(second, findByPid(100 + buckets_count).?);
    // The slot is used again.
    try testing.expectEqual(first, add(9).?);
    clearPid(second);
    remove(second);
    get(first).report = -1;
    remove(first);
}
