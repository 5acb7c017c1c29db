//! What a client sends: conversations of right and nearly right messages, encoded in every way that Protocol Buffers allow,
//! and what a mutator makes of their bytes.
const std = @import("std");
const linux = std.os.linux;
const Allocator = std.mem.Allocator;
const limits = @import("../limits.zig");
const messages = @import("../messages.zig");
const wire = @import("../wire.zig");

const Bytes = std.ArrayList(u8);

const Generator = struct {
    random: std.Random,
    allocator: Allocator,
    /// One in how many encodings has something odd; 0: none.
    oddity: u32,
    /// One in how many values is one that is not allowed; 0: none.
    wrong: u32,
    next_command: u32 = 1,

    fn chance(g: *Generator, one_in: u32) bool {
        return g.random.uintLessThan(u32, one_in) == 0;
    }

    fn isOdd(g: *Generator) bool {
        return g.oddity > 0 and g.chance(g.oddity);
    }

    fn isWrong(g: *Generator) bool {
        return g.wrong > 0 and g.chance(g.wrong);
    }

    /// Small ones, those around powers of two, and any.
    fn number(g: *Generator, comptime T: type) T {
        return switch (g.random.uintLessThan(u8, 8)) {
            0...4 => g.random.uintLessThan(u8, 12),
            5 => (@as(T, 1) << g.random.int(std.math.Log2Int(T))) -% g.random.uintLessThan(u8, 2),
            6 => std.math.maxInt(T) - @as(T, g.random.uintLessThan(u8, 3)),
            else => g.random.int(T),
        };
    }

    fn upTo(g: *Generator, most: usize) usize {
        return g.random.uintAtMost(usize, most);
    }

    fn any(g: *Generator, comptime T: type) T {
        return g.random.enumValue(T);
    }

    /// But the first, which means that nobody said.
    fn specified(g: *Generator, comptime T: type) T {
        if (g.isWrong()) return @enumFromInt(0);
        while (true) {
            const value = g.any(T);
            if (@intFromEnum(value) != 0) return value;
        }
    }

    fn size(g: *Generator) usize {
        if (g.chance(100_000)) return g.upTo(400_000);
        if (g.chance(256)) return g.upTo(6000);
        return g.upTo(if (g.chance(8)) 80 else 8);
    }

    /// Every byte but NUL.
    fn string(g: *Generator, prefix: []const u8) [:0]const u8 {
        const text = g.allocator.allocSentinel(u8, prefix.len + g.size(), 0) catch unreachable;
        @memcpy(text[0..prefix.len], prefix);
        g.random.bytes(text[prefix.len..]);
        for (text[prefix.len..]) |*byte| byte.* = @max(1, byte.*);
        if (text.len > 0 and g.isWrong()) text[g.random.uintLessThan(usize, text.len)] = 0;
        return text;
    }

    fn path(g: *Generator) [:0]const u8 {
        return g.string(if (g.isWrong()) "" else "/");
    }

    fn count(g: *Generator, limit: usize) usize {
        if (g.chance(256)) return @min(limit, 70_000);
        if (g.isWrong()) return @min(limit, 4000) + 1;
        return if (g.chance(2)) 0 else @min(limit, g.upTo(if (g.chance(8)) 12 else 3));
    }

    fn slice(g: *Generator, comptime T: type, length: usize) []T {
        return g.allocator.alloc(T, length) catch unreachable;
    }

    fn strings(g: *Generator, comptime is_environment: bool) wire.Strings {
        if (g.chance(200_000)) return g.manyStrings();
        const list = g.allocator.allocSentinel(?[*:0]const u8, g.count(60), null) catch unreachable;
        for (list) |*each| {
            const prefix = if (!is_environment) "" else if (g.chance(2)) "KEY=" else "PID=0000000000";
            const is_pid = prefix.len > 10;
            each.* = if (is_pid) prefix else g.string(prefix).ptr;
        }
        return list;
    }

    fn manyStrings(g: *Generator) wire.Strings {
        const list = g.allocator.allocSentinel(?[*:0]const u8, limits.arguments_max + g.upTo(1), null) catch unreachable;
        @memset(list, "");
        return list;
    }

    fn maybe(g: *Generator, comptime T: type, value: T) ?T {
        return if (g.chance(3)) value else null;
    }

    fn id(g: *Generator) u32 {
        return if (g.isWrong()) std.math.maxInt(u32) else g.number(u32) & 0x7fffffff;
    }

    fn commandInUse(g: *Generator) u32 {
        return if (g.chance(16)) g.number(u32) else g.random.uintLessThan(u32, g.next_command + 1);
    }

    fn spawn(g: *Generator) messages.Spawn {
        const environment = g.strings(true);
        const is_plain = g.chance(3);
        var made: messages.Spawn = .{
            .command = if (g.chance(16)) g.commandInUse() else g.next_command,
            .program = if (g.isWrong()) "" else g.string("/"),
            .arguments = g.strings(false),
            .environment = environment,
            .start_dir = g.maybe([:0]const u8, g.string("")),
            .current_dir = g.maybe([:0]const u8, g.string("")),
            .client_dir = g.maybe(messages.ClientDir, .{
                .device = g.number(u64),
                .inode = g.number(u64),
                .path = g.string(""),
            }),
            .umask = g.maybe(u32, if (g.isWrong()) 0o1000 else g.random.uintAtMost(u32, 0o777)),
            .descriptors = g.descriptors(),
            .make_group_leader = g.maybe(bool, g.random.boolean()),
            .new_session = g.maybe(bool, g.chance(4)),
            .foreground = g.chance(8),
            .parent_death_signal = if (g.isWrong()) 65 else g.random.uintAtMost(u32, 64),
            .close_descriptors = g.ranges(),
            .keep_signal_mask = g.random.boolean(),
            .pid_variables = g.pidVariables(environment),
            .kill_group = g.chance(4),
        };
        g.next_command += 1;
        if (g.chance(32)) made.run_limits = .{
            .timeout_ms = g.number(u64),
            .output_size_max = g.number(u64),
            .kill_signal = g.random.intRangeAtMost(u32, 1, 64),
            .drain_timeout_ms = g.maybe(u64, g.number(u64)),
            .force_kill_after_ms = g.maybe(u64, g.number(u64)),
        };
        made.seal_input = g.chance(16);
        if (is_plain) return made;
        made.namespaces = g.namespaces();
        made.joins = g.joins(made.namespaces);
        if (g.chance(2)) g.addMaps(&made);
        made.uid = g.maybe(u32, g.id());
        made.gid = g.maybe(u32, g.id());
        made.groups = g.maybe(messages.Groups, .{ .gids = g.ids() });
        made.keep_capabilities = g.maybe(u64, if (g.isWrong()) g.random.int(u64) else g.random.int(u37));
        if (g.chance(4) and (std.mem.indexOfScalar(messages.Namespace, made.namespaces, .mount) != null or g.isWrong())) {
            made.pivot_root = .{ .new_root = g.path(), .put_old = g.path(), .unmount = g.random.boolean() };
        }
        made.chroot_dir = g.maybe([:0]const u8, g.path());
        made.mount_propagation = g.any(messages.MountPropagation);
        made.freeze = g.chance(4);
        if (g.chance(2)) made.pre_exec = g.steps();
        return made;
    }

    fn descriptors(g: *Generator) []messages.Descriptor {
        const list = g.slice(messages.Descriptor, g.count(limits.descriptors_max));
        const first = g.random.uintLessThan(u32, 3);
        for (list, 0..) |*each, index| {
            each.* = .{ .source = g.specified(messages.DescriptorSource) };
            each.number = if (g.isWrong()) g.number(u32) else first + @as(u32, @intCast(index));
            if (each.source == .inherit and each.number > 2 and !g.isWrong()) each.source = .null_read;
            if (each.source == .stream_read or g.isWrong()) {
                const input = g.slice(u8, if (g.isWrong()) limits.stream_window + g.upTo(1) else g.upTo(400));
                @memset(input, 'i');
                each.input = input;
                each.input_ends = g.random.boolean();
            }
            if (each.source == .file and !g.isWrong()) each.file = g.file();
            // It is no other one's that comes later.
            if (each.source == .same) each.same_as = if (g.isWrong()) g.number(u32) else if (index == 0) (first + 1) % 3 else first;
            if (each.source != .helper) continue;
            if (g.chance(4)) each.helper_descriptor = g.random.uintAtMost(u32, 70) else each.source = .pipe_write;
            each.is_clients = g.random.boolean();
        }
        return list;
    }

    fn file(g: *Generator) messages.FileToOpen {
        return .{
            .path = if (g.isWrong()) g.string("") else g.path(),
            .read = !g.isWrong() and g.random.boolean(),
            .write = !g.isWrong(),
            .append = g.random.boolean(),
            .create = g.random.boolean(),
            .truncate = g.random.boolean(),
            .mode = if (g.isWrong()) g.number(u32) else g.random.uintAtMost(u32, 0o7777),
            .inside = g.random.boolean(),
        };
    }

    fn ranges(g: *Generator) []messages.DescriptorRange {
        const list = g.slice(messages.DescriptorRange, g.count(limits.descriptor_ranges_max));
        for (list) |*each| {
            each.* = .{ .first = g.number(u32), .last = g.number(u32) };
            if (g.isWrong()) continue;
            each.first = @max(each.first, 3);
            each.last = @max(each.last, each.first);
        }
        return list;
    }

    fn pidVariables(g: *Generator, environment: wire.Strings) []u32 {
        var found: std.ArrayList(u32) = .empty;
        if (!g.chance(4)) return found.items;
        for (environment, 0..) |entry, index| {
            const is_one = std.mem.eql(u8, std.mem.span(entry.?), "PID=0000000000");
            if (found.items.len < limits.pid_variables_max and (is_one or g.isWrong())) {
                found.append(g.allocator, @intCast(index)) catch unreachable;
            }
        }
        return found.items;
    }

    fn namespaces(g: *Generator) []messages.Namespace {
        const list = g.slice(messages.Namespace, g.count(limits.namespaces_max));
        for (list) |*each| each.* = g.specified(messages.Namespace);
        return list;
    }

    fn joins(g: *Generator, new: []const messages.Namespace) []messages.Join {
        var found: std.ArrayList(messages.Join) = .empty;
        if (!g.chance(4)) return found.items;
        for (1..@typeInfo(messages.Namespace).@"enum".fields.len) |value| {
            const namespace: messages.Namespace = @enumFromInt(value);
            if (!g.chance(3)) continue;
            if (std.mem.indexOfScalar(messages.Namespace, new, namespace) != null and !g.isWrong()) continue;
            var join: messages.Join = .{ .namespace = if (g.isWrong()) g.any(messages.Namespace) else namespace };
            switch (g.random.uintLessThan(u8, 6)) {
                0, 1 => join.path = g.path(),
                2, 3, 4 => join.pid = @max(1, g.number(u32) & @as(u32, if (g.isWrong()) 0xffffffff else 0x7fffffff)),
                else => join.helper_descriptor = g.random.uintAtMost(u32, 70),
            }
            if (g.isWrong()) join.pid = g.number(u32);
            found.append(g.allocator, join) catch unreachable;
        }
        return found.items;
    }

    fn addMaps(g: *Generator, made: *messages.Spawn) void {
        if (!g.isWrong()) {
            const more = g.slice(messages.Namespace, made.namespaces.len + 1);
            @memcpy(more[0..made.namespaces.len], made.namespaces);
            more[made.namespaces.len] = .user;
            if (more.len <= limits.namespaces_max) made.namespaces = more;
        }
        made.uid_maps = g.rows();
        made.gid_maps = g.rows();
        if (g.chance(4)) made.id_map_commands = .{ .newuidmap = g.path(), .newgidmap = g.path() };
    }

    fn rows(g: *Generator) []messages.IdMap {
        const list = g.slice(messages.IdMap, g.count(limits.id_map_rows_max));
        for (list) |*each| each.* = .{ .inside = g.number(u32), .outside = g.number(u32), .count = g.number(u32) };
        if (list.len > 0 and !g.isWrong()) list[0] = .{ .inside = 0, .outside = 0, .count = 1 + g.number(u32) / 2 };
        return list;
    }

    fn ids(g: *Generator) []u32 {
        const list = g.slice(u32, if (g.chance(500)) limits.groups_max + g.upTo(1) else g.count(40));
        for (list) |*each| each.* = g.id();
        return list;
    }

    fn steps(g: *Generator) []messages.Step {
        if (g.chance(200)) return g.mostSteps();
        const list = g.slice(messages.Step, g.count(limits.steps_max));
        for (list, 0..) |*step, index| {
            const number_ = if (g.isWrong()) g.number(u32) else @as(u32, @intCast(@intFromEnum(g.any(linux.SYS))));
            const arguments = g.slice(messages.StepArgument, if (g.isWrong()) 7 else g.upTo(6));
            step.* = .{ .number = number_, .arguments = arguments, .allow_failure = g.random.boolean() };
            for (arguments, 0..) |*each, position| each.* = g.argument(list, index, position);
        }
        return list;
    }

    /// As many as there may be, in few bytes.
    fn mostSteps(g: *Generator) []messages.Step {
        const list = g.slice(messages.Step, limits.steps_max);
        for (list) |*step| {
            const arguments = g.slice(messages.StepArgument, limits.step_arguments_max);
            @memset(arguments, .{ .number = g.upTo(100) });
            step.* = .{ .number = 1, .arguments = arguments };
        }
        return list;
    }

    fn argument(g: *Generator, list: []const messages.Step, index: usize, position: usize) messages.StepArgument {
        if (g.isWrong()) return .{ .result = g.number(u32), .reference = .{ .step = g.number(u32), .argument = g.number(u32) } };
        switch (g.random.uintLessThan(u8, 4)) {
            0 => {},
            1 => {
                const buffer = g.slice(u8, g.size());
                g.random.bytes(buffer);
                return .{ .buffer = buffer };
            },
            // The first that is too late is the step itself.
            2 => if (g.isWrong()) return .{ .result = @intCast(index) } else if (index > 0) return .{
                .result = g.random.uintLessThan(u32, @intCast(index)),
            },
            else => if (position > 0 or index > 0) {
                const step: usize = if (position == 0) index - 1 else g.upTo(index);
                const known = list[step].arguments;
                const most = if (step == index) position else known.len;
                if (g.isWrong()) return .{ .reference = .{ .step = @intCast(step), .argument = @intCast(most) } };
                for (known[0..most], 0..) |earlier, at| if (earlier.buffer != null) return .{
                    .reference = .{ .step = @intCast(step), .argument = @intCast(at) },
                };
            },
        }
        return .{ .number = g.number(u64) };
    }

    fn message(g: *Generator) messages.ToHelper {
        return switch (g.random.uintLessThan(u8, 32)) {
            24...26 => .{ .stream_data = .{
                .command = g.commandInUse(),
                .stream = g.number(u32),
                .data = g.slice(u8, if (g.isWrong()) g.size() else g.upTo(120)),
                .end = g.chance(4),
            } },
            27...29 => .{ .stream_credit = .{
                .command = g.commandInUse(),
                .stream = g.number(u32),
                .size = if (g.isWrong()) g.number(u32) else g.random.uintLessThan(u32, 20),
            } },
            30, 31 => .{ .close_stream = .{
                .command = g.commandInUse(),
                .stream = g.number(u32),
                .drain = g.random.boolean(),
            } },
            0...11 => .{ .spawn = g.spawn() },
            12...14 => .{ .signal = .{
                .request = g.number(u32),
                .command = g.commandInUse(),
                .signal = if (g.isWrong()) g.number(u32) else g.random.intRangeAtMost(u32, 1, 64),
                .group = g.chance(3),
            } },
            15, 16 => .{ .release_pipes = .{ .command = g.commandInUse() } },
            17, 18 => .{ .unfreeze = .{ .command = g.commandInUse() } },
            19, 20 => .{ .abort = .{ .command = g.commandInUse() } },
            21, 22 => .{ .reap = .{ .request = g.number(u32) } },
            else => if (g.isWrong()) .{} else if (g.isWrong()) hello(g) else if (g.chance(8)) .{ .retire = .{} } else .{
                .reap = .{ .request = 1 },
            },
        };
    }

    fn hello(g: *Generator) messages.ToHelper {
        return .{ .hello = .{
            .protocol = if (g.isWrong()) g.number(u32) else 1,
            .version = "0.1.0",
            .subreaper = g.random.boolean(),
            .client_thread = g.number(u32),
        } };
    }

    // Encoding.

    fn append(g: *Generator, to: *Bytes, bytes: []const u8) void {
        to.appendSlice(g.allocator, bytes) catch unreachable;
    }

    fn varint(g: *Generator, to: *Bytes, value: u64) void {
        var rest = value;
        var used: usize = 1;
        const longer = if (g.isOdd()) g.upTo(if (g.isWrong()) 10 else 9) else 0;
        while (rest >= 0x80 or (used <= longer and used < 11)) : (used += 1) {
            to.append(g.allocator, @as(u8, @truncate(rest)) | 0x80) catch unreachable;
            rest >>= 7;
        }
        to.append(g.allocator, @intCast(rest)) catch unreachable;
    }

    fn tag(g: *Generator, to: *Bytes, number_: u64, wire_type: u3) void {
        g.varint(to, number_ << 3 | (if (g.isWrong() and g.isOdd()) g.random.int(u3) else wire_type));
    }

    fn delimited(g: *Generator, to: *Bytes, bytes: []const u8) void {
        g.varint(to, bytes.len);
        g.append(to, bytes);
    }

    fn unknown(g: *Generator, to: *Bytes, depth: usize) void {
        const number_ = if (g.chance(2)) 29 + g.upTo(200) else 29 + g.upTo((1 << 29) - 30);
        var some: [8]u8 = undefined;
        g.random.bytes(&some);
        switch (g.random.uintLessThan(u8, 5)) {
            0 => {
                g.tag(to, number_, 0);
                g.varint(to, g.random.int(u64));
            },
            1 => {
                g.tag(to, number_, 1);
                g.append(to, &some);
            },
            2 => {
                g.tag(to, number_, 2);
                g.delimited(to, some[0..g.upTo(8)]);
            },
            3 => {
                g.tag(to, number_, 5);
                g.append(to, some[0..4]);
            },
            else => {
                g.tag(to, number_, 3);
                if (depth < 9) for (0..g.upTo(2)) |_| g.unknown(to, depth + 1);
                g.tag(to, if (g.isWrong()) 29 else number_, 4);
            },
        }
    }

    fn encode(g: *Generator, comptime T: type, value: T) []const u8 {
        const fields = @typeInfo(T).@"struct".fields;
        var order: [fields.len]u8 = undefined;
        for (&order, 0..) |*each, index| each.* = @intCast(index);
        if (g.isOdd()) g.random.shuffle(u8, &order);
        var to = Bytes.initCapacity(g.allocator, 64) catch unreachable;
        for (order) |wanted| {
            inline for (fields, 0..) |field, index| {
                if (index == wanted) {
                    if (field.type != [:0]const u8 and g.isOdd() and g.isWrong()) g.encodeField(field.type, &to, @field(T.numbers, field.name), @field(value, field.name));
                    g.encodeField(field.type, &to, @field(T.numbers, field.name), @field(value, field.name));
                }
            }
            if (g.isOdd() and g.chance(4)) g.unknown(&to, 0);
        }
        return to.items;
    }

    fn encodeField(g: *Generator, comptime T: type, to: *Bytes, number_: u64, value: T) void {
        if (T == [:0]const u8 or T == []u8) {
            if (value.len > 0 or g.isOdd()) g.encodeOne(T, to, number_, value);
            return;
        }
        switch (@typeInfo(T)) {
            .optional => |optional| if (value) |present| g.encodeOne(optional.child, to, number_, present),
            .pointer => |pointer| {
                const is_scalar = pointer.child == u32 or @typeInfo(pointer.child) == .@"enum";
                if (is_scalar and value.len > 0 and g.random.boolean()) {
                    var inside: Bytes = .empty;
                    for (value) |each| g.varint(&inside, scalar(each));
                    g.tag(to, number_, 2);
                    g.delimited(to, inside.items);
                } else for (value) |each| {
                    if (T == wire.Strings) g.encodeOne([:0]const u8, to, number_, std.mem.span(each.?)) else g.encodeOne(pointer.child, to, number_, each);
                }
            },
            else => if (scalar(value) != 0 or g.isOdd()) g.encodeOne(T, to, number_, value),
        }
    }

    fn encodeOne(g: *Generator, comptime T: type, to: *Bytes, number_: u64, value: T) void {
        const is_string = T == [:0]const u8 or T == []u8;
        if (is_string or @typeInfo(T) == .@"struct") {
            g.tag(to, number_, 2);
            g.delimited(to, if (is_string) value else g.encode(T, value));
            return;
        }
        g.tag(to, number_, 0);
        g.varint(to, if (g.isWrong() and g.isOdd()) g.random.int(u64) else scalar(value));
    }
};

fn scalar(value: anytype) u64 {
    return switch (@typeInfo(@TypeOf(value))) {
        .bool => @intFromBool(value),
        .@"enum" => @intFromEnum(value),
        else => value,
    };
}

fn conversation(g: *Generator) Bytes {
    var to = Bytes.initCapacity(g.allocator, 512) catch unreachable;
    var first = !g.isWrong();
    const most: usize = if (g.chance(32)) 24 else 5;
    for (0..1 + g.upTo(most)) |_| {
        const message = if (first) g.hello() else g.message();
        first = false;
        const body = g.encode(messages.ToHelper, message);
        const prefix = if (g.isWrong() and g.isWrong()) g.number(u64) else body.len;
        g.varint(&to, prefix);
        g.append(&to, body);
    }
    return to;
}

/// One message, and what mutations make of it, one after the other.
pub const Mutations = struct {
    g: Generator,
    bytes: Bytes,
    original: []const u8,

    pub fn next(mutations: *Mutations) void {
        // Of what was changed often nothing is left.
        if (mutations.g.chance(3)) {
            mutations.bytes.clearRetainingCapacity();
            mutations.g.append(&mutations.bytes, mutations.original);
        }
        mutate(&mutations.g, &mutations.bytes);
    }
};

pub fn messageOf(seed: u64, allocator: Allocator) Mutations {
    var mutations: Mutations = .{ .g = undefined, .bytes = .empty, .original = undefined };
    mutations.g = .{ .random = undefined, .allocator = allocator, .oddity = 0, .wrong = 0 };
    mutation_state = .init(seed);
    mutations.g.random = mutation_state.random();
    mutations.g.oddity = if (mutations.g.chance(2)) 0 else 4 + mutations.g.random.uintLessThan(u32, 60);
    const message = if (mutations.g.chance(4)) mutations.g.message() else messages.ToHelper{ .spawn = mutations.g.spawn() };
    mutations.original = mutations.g.encode(messages.ToHelper, message);
    mutations.g.append(&mutations.bytes, mutations.original);
    return mutations;
}

var mutation_state: std.Random.DefaultPrng = undefined;

/// The bytes of a client, which `seed` decides.
pub fn generate(seed: u64, allocator: Allocator) []const u8 {
    var state: std.Random.DefaultPrng = .init(seed);
    var g: Generator = .{ .random = state.random(), .allocator = allocator, .oddity = 0, .wrong = 0 };
    g.oddity = if (g.chance(2)) 0 else 4 + g.random.uintLessThan(u32, 60);
    g.wrong = if (g.chance(2)) 0 else 2 + g.random.uintLessThan(u32, 200);
    var bytes = conversation(&g);
    if (g.chance(2)) mutate(&g, &bytes);
    return bytes.items;
}

const remarkable = [_]u8{ 0x00, 0x01, 0x02, 0x0a, 0x12, 0x7f, 0x80, 0xff };

/// A few changes, each of a byte or a piece.
pub fn mutate(g: *Generator, bytes: *Bytes) void {
    // Most are in the last messages, where the ones before still count.
    for (0..1 + g.upTo(if (g.chance(8)) 16 else 2)) |_| {
        if (bytes.items.len == 0) return;
        const length = bytes.items.len;
        const at = if (g.chance(2)) g.random.uintLessThan(usize, length) else length - 1 - g.random.uintLessThan(usize, @min(length, 40));
        switch (g.random.uintLessThan(u8, 9)) {
            0 => bytes.items[at] ^= @as(u8, 1) << g.random.int(u3),
            1 => bytes.items[at] = g.random.int(u8),
            2 => bytes.items[at] = remarkable[g.random.uintLessThan(usize, remarkable.len)],
            3 => bytes.insert(g.allocator, at, g.random.int(u8)) catch unreachable,
            4 => _ = bytes.orderedRemove(at),
            5 => {
                const size = @min(1 + g.upTo(20), length - at);
                bytes.replaceRange(g.allocator, at, size, &.{}) catch unreachable;
            },
            6 => bytes.shrinkRetainingCapacity(at),
            7 => {
                // A piece of it once more.
                const from = g.random.uintLessThan(usize, length);
                const piece = g.allocator.dupe(u8, bytes.items[from..@min(length, from + 1 + g.upTo(40))]) catch unreachable;
                bytes.insertSlice(g.allocator, at, piece) catch unreachable;
            },
            else => {
                var other: Generator = g.*;
                other.next_command = 1;
                const spliced = conversation(&other);
                bytes.shrinkRetainingCapacity(at);
                const from = g.random.uintLessThan(usize, spliced.items.len);
                bytes.appendSlice(g.allocator, spliced.items[from..]) catch unreachable;
            },
        }
    }
}
