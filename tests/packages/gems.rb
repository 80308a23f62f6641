# Makes a source of gems in a directory: `tiny` in two versions, `needy` that needs the first, `large` that comes in several
# parts, and `built` with an extension.
require "rubygems/package"
require "zlib"
require "fileutils"
require "digest"
require "tmpdir"

out = File.expand_path(ARGV.fetch(0))
%w[gems info quick/Marshal.4.8].each { |name| FileUtils.mkdir_p(File.join(out, name)) }

def gem_of(name, version)
  Gem::Specification.new do |spec|
    spec.name = name
    spec.version = version
    spec.summary = spec.description = name
    spec.authors = ["test"]
    spec.homepage = "https://gems.example"
    spec.license = "MIT"
    spec.files = ["lib/#{name}.rb", "lib/rubygems_plugin.rb"]
    yield spec if block_given?
  end
end

specs = [
  gem_of("tiny", "1.0"),
  gem_of("tiny", "2.0"),
  gem_of("needy", "1.0") { |spec| spec.add_runtime_dependency "tiny", "< 2" },
  gem_of("large", "1.0") { |spec| spec.files << "lib/noise" },
  gem_of("built", "1.0") { |spec| spec.files << "ext/extconf.rb"; spec.extensions = ["ext/extconf.rb"] },
]
specs.each do |spec|
  Dir.mktmpdir do |work|
    Dir.chdir(work) do
      FileUtils.mkdir_p(%w[lib ext])
      File.write("lib/#{spec.name}.rb", "module #{spec.name.capitalize}; NAME = '#{spec.name} #{spec.version}'; end\n")
      File.binwrite("lib/noise", Random.bytes(1 << 20)) if spec.name == "large"
      # Neither is to run unless somebody said so.
      File.write("lib/rubygems_plugin.rb", "File.write('/workspace/plugged', '')\n")
      File.write("ext/extconf.rb", "File.write('/workspace/ran', ''); File.write('Makefile', \"all:\\ninstall:\\nclean:\\n\")\n")
      Gem::DefaultUserInteraction.use_ui(Gem::SilentUI.new) { Gem::Package.build(spec, true) }
      FileUtils.mv(spec.file_name, File.join(out, "gems"))
    end
  end
  File.binwrite(File.join(out, "quick/Marshal.4.8/#{spec.full_name}.gemspec.rz"), Zlib.deflate(Marshal.dump(spec)))
end
specs.group_by(&:name).each do |name, versions|
  lines = versions.map do |spec|
    needs = spec.runtime_dependencies.map { |one| "#{one.name}:#{one.requirement}" }.join(",")
    sum = Digest::SHA256.file(File.join(out, "gems", spec.file_name)).hexdigest
    "#{spec.version} #{needs}|checksum:#{sum}"
  end
  File.write(File.join(out, "info", name), "---\n#{lines.join("\n")}\n")
end
versions = specs.group_by(&:name).map do |name, all|
  "#{name} #{all.map(&:version).join(",")} #{Digest::MD5.file(File.join(out, "info", name)).hexdigest}"
end
File.write(File.join(out, "versions"), "created_at: 2020-01-01T00:00:00Z\n---\n#{versions.join("\n")}\n")
index = specs.map { |spec| [spec.name, spec.version, "ruby"] }
%w[specs latest_specs prerelease_specs].each do |name|
  Zlib::GzipWriter.open(File.join(out, "#{name}.4.8.gz")) { |io| io.write(Marshal.dump(name.start_with?("pre") ? [] : index)) }
end
