// A picture of the camera; null if the dialog is closed without one.

export async function takePicture(dialog, complain) {
  const video = dialog.querySelector("video");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
  } catch {
    complain(navigator.mediaDevices ? "There is no camera, or it may not be used." : "Cameras need an https address.");
    return null;
  }
  video.srcObject = stream;
  await video.play();
  dialog.showModal();
  const choice = await new Promise((resolve) => {
    dialog.onclose = () => resolve("close");
    for (const button of dialog.querySelectorAll("button")) button.onclick = () => resolve(button.value);
  });
  let taken = null;
  if (choice === "take") {
    const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    const content = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    taken = new File([content], "camera.jpg", { type: "image/jpeg" });
  }
  for (const track of stream.getTracks()) track.stop();
  dialog.close();
  return taken;
}
