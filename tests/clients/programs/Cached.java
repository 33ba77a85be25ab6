import java.io.File;
import java.io.FileOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import okhttp3.Cache;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

/** Cached MODE URL OUT: OkHttp with a cache. MODE whole: two ranges, then the whole. MODE ranges: every range after a first one. */
class Cached {
    static final int BLOCK = 1 << 20;

    static byte[] get(OkHttpClient client, String url, String range) throws Exception {
        Request.Builder request = new Request.Builder().url(url);
        if (range != null) request.header("Range", range);
        try (Response response = client.newCall(request.build()).execute()) {
            if (response.code() != (range == null ? 200 : 206)) throw new IllegalStateException("status " + response.code());
            return response.body().bytes();
        }
    }

    static int size(OkHttpClient client, String url) throws Exception {
        try (Response response = client.newCall(new Request.Builder().url(url).head().build()).execute()) {
            return Integer.parseInt(response.header("Content-Length"));
        }
    }

    public static void main(String[] arguments) throws Exception {
        Path folder = Files.createTempDirectory("okhttp");
        OkHttpClient client = new OkHttpClient.Builder().cache(new Cache(folder.toFile(), 256L << 20)).build();
        String url = arguments[1];
        get(client, url, "bytes=0-0");
        get(client, url, "bytes=0-" + (BLOCK - 1));
        try (FileOutputStream out = new FileOutputStream(new File(arguments[2]))) {
            if (arguments[0].equals("whole")) {
                out.write(get(client, url, null));
            } else {
                int size = size(client, url);
                for (int first = 0; first < size; first += BLOCK)
                    out.write(get(client, url, "bytes=" + first + "-" + (Math.min(first + BLOCK, size) - 1)));
            }
        }
        System.exit(0);
    }
}
