import com.android.apksig.ApkSigner;
import com.android.apksig.ApkVerifier;
import com.android.apksig.SigningCertificateLineage;
import com.mcxiaoke.packer.common.PackerCommon;
import java.io.File;
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.List;

/** What only the published libraries can do: packer-ng's own reader, key rotation (v3.1) and the newest verifier. */
public class ApkTool {
    static KeyStore keys;
    static char[] password;

    public static void main(String[] arguments) throws Exception {
        switch (arguments[0]) {
            case "packer-ng" -> System.out.print(PackerCommon.readChannel(new File(arguments[1])));
            case "verify" -> verify(new File(arguments[1]));
            case "sign-v31" -> signRotated(arguments);
            case "sign-aligned" -> signAligned(arguments);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    static void verify(File apk) throws Exception {
        ApkVerifier.Result result = new ApkVerifier.Builder(apk).build().verify();
        System.out.println("verified=" + result.isVerified());
        System.out.println("v1=" + result.isVerifiedUsingV1Scheme());
        System.out.println("v2=" + result.isVerifiedUsingV2Scheme());
        System.out.println("v3=" + result.isVerifiedUsingV3Scheme());
        System.out.println("v3.1=" + result.isVerifiedUsingV31Scheme());
        System.out.println("stamp=" + result.isSourceStampVerified());
        result.getAllErrors().forEach(error -> System.err.println(error));
    }

    /** sign-v31 IN OUT KEYSTORE PASSWORD ORIGINAL ROTATED: v3 for the original key, v3.1 for the rotated one. */
    static void signRotated(String[] arguments) throws Exception {
        openKeys(arguments[3], arguments[4]);
        String original = arguments[5], rotated = arguments[6];
        SigningCertificateLineage lineage =
            new SigningCertificateLineage.Builder(ancestor(original), ancestor(rotated)).build();
        new ApkSigner.Builder(List.of(signer(original), signer(rotated)))
            .setInputApk(new File(arguments[1]))
            .setOutputApk(new File(arguments[2]))
            .setV1SigningEnabled(true)
            .setV4SigningEnabled(false)
            .setMinSdkVersionForRotation(33)
            .setSigningCertificateLineage(lineage)
            .build()
            .sign();
    }

    /** sign-aligned IN OUT KEYSTORE PASSWORD ALIAS: v2 and v3, the file's size brought to whole pages by a ZIP comment. */
    static void signAligned(String[] arguments) throws Exception {
        openKeys(arguments[3], arguments[4]);
        new ApkSigner.Builder(List.of(signer(arguments[5])))
            .setInputApk(new File(arguments[1]))
            .setOutputApk(new File(arguments[2]))
            .setV1SigningEnabled(false)
            .setV4SigningEnabled(false)
            .setAlignFileSize(true)
            .build()
            .sign();
    }

    static void openKeys(String path, String word) throws Exception {
        password = word.toCharArray();
        keys = KeyStore.getInstance("PKCS12");
        try (FileInputStream file = new FileInputStream(path)) {
            keys.load(file, password);
        }
    }

    static PrivateKey key(String alias) throws Exception {
        return (PrivateKey) keys.getKey(alias, password);
    }

    static X509Certificate certificate(String alias) throws Exception {
        return (X509Certificate) keys.getCertificate(alias);
    }

    static SigningCertificateLineage.SignerConfig ancestor(String alias) throws Exception {
        return new SigningCertificateLineage.SignerConfig.Builder(key(alias), certificate(alias)).build();
    }

    static ApkSigner.SignerConfig signer(String alias) throws Exception {
        return new ApkSigner.SignerConfig.Builder(alias, key(alias), List.of(certificate(alias))).build();
    }
}
