#include "functions/prepare-upload/handler.h"

int main(void)
{
    return lc_run(&prepare_upload);
}
