// The AWS SDK for Java against one endpoint, with its own defaults. Prints a line for each step that went as it should.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.ChecksumMode;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import software.amazon.awssdk.transfer.s3.S3TransferManager;

public class Main {
    static final URI ENDPOINT = URI.create(System.getenv("AWS_ENDPOINT_URL"));
    static final S3Client CLIENT = S3Client.builder().endpointOverride(ENDPOINT).forcePathStyle(true).build();
    static final int PART_BYTES = 5 << 20;
    static String bucket;

    public static void main(String[] arguments) throws Exception {
        bucket = arguments[0];
        CLIENT.createBucket(request -> request.bucket(bucket));
        done("create bucket");
        putAndGet();
        list();
        multipart();
        conditions();
        presigned();
        remove();
    }

    static void putAndGet() {
        var key = "dir/ü 1+2";
        var put = CLIENT.putObject(
            request -> request.bucket(bucket).key(key).metadata(Map.of("kind", "grain")),
            RequestBody.fromString("content"));
        expect(put.checksumCRC32() != null, "the put was not answered with its checksum");
        done("put with a checksum");
        var got = CLIENT.getObjectAsBytes(
            request -> request.bucket(bucket).key(key).checksumMode(ChecksumMode.ENABLED));
        expect(got.asUtf8String().equals("content"), "not what was put");
        expect(got.response().metadata().get("kind").equals("grain"), "not the metadata that was put");
        expect(got.response().checksumCRC32().equals(put.checksumCRC32()), "another checksum");
        done("get");
        var part = CLIENT.getObjectAsBytes(request -> request.bucket(bucket).key(key).range("bytes=3-5"));
        expect(part.asUtf8String().equals("ten"), "another range");
        expect(part.response().contentRange().equals("bytes 3-5/7"), "another range told");
        done("range");
    }

    static void list() {
        for (int number = 0; number < 7; number++) {
            var key = "list/" + number;
            CLIENT.putObject(request -> request.bucket(bucket).key(key), RequestBody.fromString("x"));
        }
        var sizes = new ArrayList<Integer>();
        for (var page : CLIENT.listObjectsV2Paginator(request -> request.bucket(bucket).prefix("list/").maxKeys(3))) {
            sizes.add(page.contents().size());
        }
        expect(sizes.equals(List.of(3, 3, 1)), "listed " + sizes);
        done("list");
    }

    static void multipart() throws Exception {
        var content = new byte[(12 << 20) + 1];
        new Random(1).nextBytes(content);
        var file = Files.write(Path.of("large.bin"), content);
        try (
            var async = S3AsyncClient.builder()
                .endpointOverride(ENDPOINT)
                .forcePathStyle(true)
                .multipartEnabled(true)
                .multipartConfiguration(settings -> settings.minimumPartSizeInBytes((long) PART_BYTES))
                .build();
            var transfers = S3TransferManager.builder().s3Client(async).build()
        ) {
            transfers.uploadFile(upload -> upload.source(file).putObjectRequest(put -> put.bucket(bucket).key("large")))
                .completionFuture().join();
            var head = CLIENT.headObject(request -> request.bucket(bucket).key("large"));
            expect(head.eTag().endsWith("-3\""), "not in parts: " + head.eTag());
            var back = Path.of("back.bin");
            transfers.downloadFile(
                download -> download.destination(back).getObjectRequest(get -> get.bucket(bucket).key("large")))
                .completionFuture().join();
            expect(Arrays.equals(Files.readAllBytes(back), content), "the large object came back changed");
        }
        done("multipart");
        CLIENT.copyObject(request -> request
            .sourceBucket(bucket).sourceKey("large").destinationBucket(bucket).destinationKey("copied"));
        var copied = CLIENT.headObject(request -> request.bucket(bucket).key("copied"));
        expect(copied.contentLength() == content.length, "the copy has another length");
        done("copy");
    }

    static void conditions() {
        try {
            CLIENT.putObject(
                request -> request.bucket(bucket).key("copied").ifNoneMatch("*"), RequestBody.fromString("x"));
            expect(false, "overwritten");
        } catch (S3Exception refusal) {
            expect(refusal.awsErrorDetails().errorCode().equals("PreconditionFailed"), "told " + refusal);
        }
        done("conditional put refused");
        try {
            CLIENT.getObjectAsBytes(request -> request.bucket(bucket).key("none"));
            expect(false, "something is there");
        } catch (NoSuchKeyException refusal) {
            done("absence told");
        }
    }

    static void presigned() throws Exception {
        var settings = S3Configuration.builder().pathStyleAccessEnabled(true).build();
        var http = HttpClient.newHttpClient();
        try (var signer = S3Presigner.builder().endpointOverride(ENDPOINT).serviceConfiguration(settings).build()) {
            var minute = Duration.ofMinutes(1);
            var put = signer.presignPutObject(link -> link
                .signatureDuration(minute).putObjectRequest(request -> request.bucket(bucket).key("signed")));
            var sent = HttpRequest.newBuilder(put.url().toURI()).PUT(BodyPublishers.ofString("by link")).build();
            expect(http.send(sent, BodyHandlers.ofString()).statusCode() == 200, "the link to put does not work");
            var get = signer.presignGetObject(link -> link
                .signatureDuration(minute).getObjectRequest(request -> request.bucket(bucket).key("signed")));
            var answer = http.send(HttpRequest.newBuilder(get.url().toURI()).build(), BodyHandlers.ofString());
            expect(answer.body().equals("by link"), "the link to get does not work");
        }
        done("presigned");
    }

    static void remove() {
        var doomed = CLIENT.listObjectsV2(request -> request.bucket(bucket)).contents().stream()
            .map(entry -> ObjectIdentifier.builder().key(entry.key()).build()).toList();
        var deleted = CLIENT.deleteObjects(request -> request.bucket(bucket).delete(delete -> delete.objects(doomed)));
        expect(deleted.deleted().size() == doomed.size() && !deleted.hasErrors(), "not all is deleted");
        done("delete objects");
        CLIENT.deleteBucket(request -> request.bucket(bucket));
        done("delete bucket");
    }

    static void done(String step) {
        System.out.println(step);
    }

    static void expect(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise);
        }
    }
}
