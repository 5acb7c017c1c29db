//! dist/helper/hashes.json: of each helper that was built, the SHA-256 in hexadecimal digits, by the name that Node gives the
//! architecture. The package has it, so that anybody can compare what was published with what they build.
const std = @import("std");
const Step = std.Build.Step;
const Sha256 = std.crypto.hash.sha2.Sha256;

const path = "dist/helper/hashes.json";
const helper_size_max = 1024 * 1024;

pub const HashesFile = struct {
    step: Step,
    helpers: std.ArrayList(Helper) = .empty,

    const Helper = struct { architecture: []const u8, file: std.Build.LazyPath };

    pub fn create(b: *std.Build) *HashesFile {
        const hashes = b.allocator.create(HashesFile) catch @panic("out of memory");
        hashes.* = .{ .step = Step.init(.{ .id = .custom, .name = path, .owner = b, .makeFn = make }) };
        return hashes;
    }

    pub fn add(hashes: *HashesFile, architecture: []const u8, file: std.Build.LazyPath) void {
        hashes.helpers.append(hashes.step.owner.allocator, .{ .architecture = architecture, .file = file }) catch
            @panic("out of memory");
        file.addStepDependencies(&hashes.step);
    }

    fn make(step: *Step, _: Step.MakeOptions) !void {
        const hashes: *HashesFile = @fieldParentPtr("step", step);
        const b = step.owner;
        var text: std.ArrayList(u8) = .empty;
        for (hashes.helpers.items, 0..) |helper, i| {
            const built = helper.file.getPath3(b, step);
            const bytes = built.root_dir.handle.readFileAlloc(
                b.graph.io,
                built.sub_path,
                b.allocator,
                .limited(helper_size_max),
            ) catch |err| return step.fail("cannot read '{f}': {t}", .{ built, err });
            var digest: [Sha256.digest_length]u8 = undefined;
            Sha256.hash(bytes, &digest, .{});
            try text.print(b.allocator, "{s}  \"{s}\": \"{s}\"", .{
                if (i == 0) "{\n" else ",\n",
                helper.architecture,
                std.fmt.bytesToHex(digest, .lower),
            });
        }
        try text.appendSlice(b.allocator, "\n}\n");
        const directory = b.build_root.handle;
        directory.createDirPath(b.graph.io, std.fs.path.dirname(path).?) catch |err|
            return step.fail("cannot make the directory of '{s}': {t}", .{ path, err });
        directory.writeFile(b.graph.io, .{ .sub_path = path, .data = text.items }) catch |err|
            return step.fail("cannot write '{s}': {t}", .{ path, err });
    }
};
