package org.redoubt.firmware.internal;

import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessMode;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryStream;
import java.nio.file.FileStore;
import java.nio.file.FileSystem;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.StandardOpenOption;
import java.nio.file.WatchService;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.FileAttributeView;
import java.nio.file.attribute.UserPrincipalLookupService;
import java.nio.file.spi.FileSystemProvider;
import java.util.Map;
import java.util.Set;

/**
 * Files of this machine behind a layer that ends its own process by SIGKILL: at one of the bytes
 * that are written, with those before it on the disk, or just before one of the other steps
 * (making, deleting, forcing, renaming a file).
 */
final class CutFiles extends FileSystemProvider {
  private static final int SIGKILL = 9;

  private long bytesLeft = Long.MAX_VALUE;
  private long stepsLeft = Long.MAX_VALUE;

  private final FileSystem files = new Files();

  /** The same place, seen through this layer. */
  Path path(Path real) {
    return (Path)
        Proxy.newProxyInstance(
            CutFiles.class.getClassLoader(),
            new Class<?>[] {Path.class, Real.class},
            (proxy, method, arguments) -> {
              switch (method.getName()) {
                case "getFileSystem":
                  return files;
                case "real":
                  return real;
                default:
                  Object[] given = arguments == null ? new Object[0] : arguments.clone();
                  for (int i = 0; i < given.length; i++) {
                    given[i] = given[i] instanceof Path p ? real(p) : given[i];
                  }
                  try {
                    Object out = method.invoke(real, given);
                    return out instanceof Path p ? path(p) : out;
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
              }
            });
  }

  /** What lies behind a path of this layer. */
  interface Real {
    Path real();
  }

  private static Path real(Path path) {
    return path instanceof Real r ? r.real() : path;
  }

  /** Ends the process with so many more bytes on the disk. */
  void killAfterBytes(long bytes) {
    bytesLeft = bytes;
  }

  /** Ends the process after so many more steps. */
  void killAfterSteps(long steps) {
    stepsLeft = steps;
  }

  private void step() {
    if (stepsLeft-- == 0) {
      kill();
    }
  }

  /** No handler, no shutdown hook, nothing flushed. */
  private static void kill() {
    try {
      Linker linker = Linker.nativeLinker();
      MethodHandle kill =
          linker.downcallHandle(
              linker.defaultLookup().find("kill").orElseThrow(),
              FunctionDescriptor.of(
                  ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
      int status = (int) kill.invokeExact((int) ProcessHandle.current().pid(), SIGKILL);
      throw new AssertionError("still alive: " + status);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }

  /** What a new file is written through. */
  private final class Cut extends FileChannel {
    private final FileChannel inner;

    Cut(FileChannel inner) {
      this.inner = inner;
    }

    @Override
    public int write(ByteBuffer from) throws IOException {
      if (from.remaining() < bytesLeft) {
        bytesLeft -= from.remaining();
        return inner.write(from);
      }
      ByteBuffer part = from.slice(from.position(), (int) bytesLeft);
      while (part.hasRemaining()) {
        inner.write(part);
      }
      kill();
      return 0;
    }

    @Override
    public void force(boolean metaData) throws IOException {
      step();
      inner.force(metaData);
    }

    @Override
    protected void implCloseChannel() throws IOException {
      inner.close();
    }

    @Override
    public FileLock lock(long position, long size, boolean shared) throws IOException {
      return inner.lock(position, size, shared);
    }

    @Override
    public FileLock tryLock(long position, long size, boolean shared) throws IOException {
      return inner.tryLock(position, size, shared);
    }

    @Override
    public int read(ByteBuffer to) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long read(ByteBuffer[] to, int offset, int length) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long write(ByteBuffer[] from, int offset, int length) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long position() {
      throw new UnsupportedOperationException();
    }

    @Override
    public FileChannel position(long position) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long size() {
      throw new UnsupportedOperationException();
    }

    @Override
    public FileChannel truncate(long size) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long transferTo(long position, long count, WritableByteChannel target) {
      throw new UnsupportedOperationException();
    }

    @Override
    public long transferFrom(ReadableByteChannel source, long position, long count) {
      throw new UnsupportedOperationException();
    }

    @Override
    public int read(ByteBuffer to, long position) {
      throw new UnsupportedOperationException();
    }

    @Override
    public int write(ByteBuffer from, long position) {
      throw new UnsupportedOperationException();
    }

    @Override
    public MappedByteBuffer map(MapMode mode, long position, long size) {
      throw new UnsupportedOperationException();
    }
  }

  private static FileSystemProvider provider(Path path) {
    return real(path).getFileSystem().provider();
  }

  @Override
  public FileChannel newFileChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    if (options.contains(StandardOpenOption.CREATE_NEW)) {
      step();
      return new Cut(provider(path).newFileChannel(real(path), options, attributes));
    }
    return provider(path).newFileChannel(real(path), options, attributes);
  }

  @Override
  public SeekableByteChannel newByteChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    if (options.contains(StandardOpenOption.WRITE)) {
      throw new UnsupportedOperationException("written past this layer");
    }
    return provider(path).newByteChannel(real(path), options, attributes);
  }

  @Override
  public void createDirectory(Path path, FileAttribute<?>... attributes) throws IOException {
    step();
    provider(path).createDirectory(real(path), attributes);
  }

  @Override
  public void delete(Path path) throws IOException {
    step();
    provider(path).delete(real(path));
  }

  @Override
  public void move(Path source, Path target, CopyOption... options) throws IOException {
    step();
    provider(source).move(real(source), real(target), options);
  }

  @Override
  public void checkAccess(Path path, AccessMode... modes) throws IOException {
    provider(path).checkAccess(real(path), modes);
  }

  @Override
  public <A extends BasicFileAttributes> A readAttributes(
      Path path, Class<A> type, LinkOption... options) throws IOException {
    return provider(path).readAttributes(real(path), type, options);
  }

  @Override
  public String getScheme() {
    return "cut";
  }

  @Override
  public FileSystem newFileSystem(URI uri, Map<String, ?> environment) {
    throw new UnsupportedOperationException();
  }

  @Override
  public FileSystem getFileSystem(URI uri) {
    return files;
  }

  @Override
  public Path getPath(URI uri) {
    throw new UnsupportedOperationException();
  }

  @Override
  public DirectoryStream<Path> newDirectoryStream(
      Path folder, DirectoryStream.Filter<? super Path> filter) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void copy(Path source, Path target, CopyOption... options) {
    throw new UnsupportedOperationException();
  }

  @Override
  public boolean isSameFile(Path one, Path other) throws IOException {
    return provider(one).isSameFile(real(one), real(other));
  }

  @Override
  public boolean isHidden(Path path) throws IOException {
    return provider(path).isHidden(real(path));
  }

  @Override
  public FileStore getFileStore(Path path) throws IOException {
    return provider(path).getFileStore(real(path));
  }

  @Override
  public <V extends FileAttributeView> V getFileAttributeView(
      Path path, Class<V> type, LinkOption... options) {
    return provider(path).getFileAttributeView(real(path), type, options);
  }

  @Override
  public Map<String, Object> readAttributes(Path path, String names, LinkOption... options)
      throws IOException {
    return provider(path).readAttributes(real(path), names, options);
  }

  @Override
  public void setAttribute(Path path, String name, Object value, LinkOption... options) {
    throw new UnsupportedOperationException();
  }

  /** Nothing but the way to the provider. */
  private final class Files extends FileSystem {
    @Override
    public FileSystemProvider provider() {
      return CutFiles.this;
    }

    @Override
    public void close() {}

    @Override
    public boolean isOpen() {
      return true;
    }

    @Override
    public boolean isReadOnly() {
      return false;
    }

    @Override
    public String getSeparator() {
      return "/";
    }

    @Override
    public Iterable<Path> getRootDirectories() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Iterable<FileStore> getFileStores() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Set<String> supportedFileAttributeViews() {
      return Set.of("basic", "posix");
    }

    @Override
    public Path getPath(String first, String... more) {
      throw new UnsupportedOperationException();
    }

    @Override
    public PathMatcher getPathMatcher(String pattern) {
      throw new UnsupportedOperationException();
    }

    @Override
    public UserPrincipalLookupService getUserPrincipalLookupService() {
      throw new UnsupportedOperationException();
    }

    @Override
    public WatchService newWatchService() {
      throw new UnsupportedOperationException();
    }
  }
}
