/* faultfs.c - a layer under SQLite that makes writes and syncs fail on demand. */
#include "tests/db/faultfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <unistd.h>

struct faultfs faultfs;
static const char *watched;
static sqlite3_vfs *below;
static sqlite3_vfs layer;

/* The real file follows, aligned as SQLite aligns ours. */
struct file {
	sqlite3_file base;
	bool wal;
	sqlite3_int64 real[];
};

static sqlite3_file *real(sqlite3_file *file)
{
	return (sqlite3_file *)((struct file *)file)->real;
}

static int on_close(sqlite3_file *file)
{
	return real(file)->pMethods ? real(file)->pMethods->xClose(real(file)) : SQLITE_OK;
}

static int on_read(sqlite3_file *file, void *data, int len, sqlite3_int64 offset)
{
	if (atomic_load(&faultfs.read)) {
		errno = EIO;
		return SQLITE_IOERR_READ;
	}
	return real(file)->pMethods->xRead(real(file), data, len, offset);
}

static int on_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
	int fault = atomic_load(&faultfs.write);

	if (fault && (!atomic_load(&faultfs.until_released) || access(watched, F_OK) == 0)) {
		errno = fault == FAULTFS_WRITE_FULL ? ENOSPC : fault == FAULTFS_WRITE_QUOTA ? EDQUOT : EIO;
		return fault == FAULTFS_WRITE_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	}
	return real(file)->pMethods->xWrite(real(file), data, len, offset);
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return real(file)->pMethods->xTruncate(real(file), size);
}

static int on_sync(sqlite3_file *file, int flags)
{
	atomic_fetch_add(&faultfs.syncs, 1);
	if (atomic_load(((struct file *)file)->wal ? &faultfs.sync_wal : &faultfs.sync_main)) {
		errno = EIO;
		return SQLITE_IOERR_FSYNC;
	}
	return real(file)->pMethods->xSync(real(file), flags);
}

static int on_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	return real(file)->pMethods->xFileSize(real(file), ret);
}

static int on_lock(sqlite3_file *file, int level)
{
	return real(file)->pMethods->xLock(real(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
	return real(file)->pMethods->xUnlock(real(file), level);
}

static int on_check_lock(sqlite3_file *file, int *ret)
{
	return real(file)->pMethods->xCheckReservedLock(real(file), ret);
}

static int on_control(sqlite3_file *file, int op, void *arg)
{
	return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int on_sector_size(sqlite3_file *file)
{
	return real(file)->pMethods->xSectorSize(real(file));
}

static int on_characteristics(sqlite3_file *file)
{
	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

/* Version 1: no shared memory, which the WAL of an exclusive connection does not need. */
static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_size,
	.xLock = on_lock,
	.xUnlock = on_unlock,
	.xCheckReservedLock = on_check_lock,
	.xFileControl = on_control,
	.xSectorSize = on_sector_size,
	.xDeviceCharacteristics = on_characteristics,
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
	struct file *own = (struct file *)file;
	int rc = below->xOpen(below, name, real(file), flags, ret_flags);

	own->wal = flags & SQLITE_OPEN_WAL;
	own->base.pMethods = rc == SQLITE_OK ? &methods : NULL;
	return rc;
}

void faultfs_install(void)
{
	below = sqlite3_vfs_find(NULL);
	layer = *below;
	layer.zName = "faultfs";
	layer.szOsFile = (int)sizeof(struct file) + below->szOsFile;
	layer.xOpen = on_open;
	sqlite3_vfs_register(&layer, 1);
}

void faultfs_watch(const char *path)
{
	watched = path;
}
