module rclone-serve-s3

go 1.24
